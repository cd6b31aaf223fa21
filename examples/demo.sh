#!/usr/bin/env bash
# A booking platform's evening, in five scenes and a reckoning. Alone sufficient on a fresh Debian 12 or 13 after a clone:
# installs what is missing, builds, and starts everything on this machine only, in a folder of its own.
#   examples/demo.sh          tells the story at reading pace on a terminal
#   examples/demo.sh --fast   without pauses (CI)
#   examples/demo.sh --stay   leaves the servers up at the end, and says where
# Exit code 0 means: every scene ended as told, and the payment provider's books agree with ours to the cent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fast=false stay=false
for argument in "$@"; do
  case "$argument" in
    --fast) fast=true ;;
    --stay) stay=true ;;
    *) echo "usage: examples/demo.sh [--fast] [--stay]" >&2; exit 2 ;;
  esac
done

source tests/setup.sh
belay_setup
source examples/demo/tell.sh      # how it speaks
source examples/demo/servers.sh   # what runs
source examples/demo/booking.sh   # guests, money, sagas
source examples/demo/scenes.sh    # what happens

build
trap 'finish $?' EXIT
trap 'exit 130' INT TERM
start_everything

scene_happy_path
scene_card_declined
scene_webhooks
scene_kill
scene_refund
reckoning

say
ok "Every scene ended as it should, and the books agree."
