// See documents.h.
#include "runtime/lsp/documents.h"

#include <algorithm>
#include <filesystem>

namespace belay::runtime::lsp {

namespace fs = std::filesystem;

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string normal(const std::string& path) {
  std::string out = fs::path(path).lexically_normal().generic_string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

// The path below `folder`, or nullopt.
std::optional<std::string> below(const std::string& folder, const std::string& path) {
  const std::string prefix = folder == "/" ? "/" : folder + "/";
  if (!path.starts_with(prefix) || path.size() == prefix.size()) return std::nullopt;
  return path.substr(prefix.size());
}

}  // namespace

std::optional<std::string> path_of_uri(const std::string& uri) {
  if (!uri.starts_with("file://")) return std::nullopt;
  const std::size_t from = uri.find('/', 7);  // a host is not ours to reach
  if (from == std::string::npos) return std::nullopt;
  std::string out;
  for (std::size_t at = from; at < uri.size() && uri[at] != '?' && uri[at] != '#'; ++at) {
    if (uri[at] == '%' && at + 2 < uri.size() && hex_digit(uri[at + 1]) >= 0 &&
        hex_digit(uri[at + 2]) >= 0) {
      out += static_cast<char>(hex_digit(uri[at + 1]) * 16 + hex_digit(uri[at + 2]));
      at += 2;
    } else {
      out += uri[at];
    }
  }
  if (out.find('\0') != std::string::npos) return std::nullopt;
  return normal(out);
}

std::string uri_of_path(const std::string& path) {
  static constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out = "file://";
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    }
  }
  return out;
}

void Documents::add_root(const std::string& folder) {
  roots_.push_back(normal(folder));
  // The deepest first: a file belongs to the nearest.
  std::sort(roots_.begin(), roots_.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (auto& [uri, document] : documents_) settle(document, {});
  disk_changed();
}

void Documents::remove_root(const std::string& folder) {
  std::erase(roots_, normal(folder));
  for (auto& [uri, document] : documents_) settle(document, {});
  disk_changed();
}

void Documents::settle(Document& document, const std::string& language) const {
  const std::optional<std::string> path = path_of_uri(document.uri);
  if (!path) {  // not on disk: a workspace of its own
    if (!document.folder.empty()) return;
    document.folder = document.uri;
    document.path = language == "yaml" ? "untitled.yaml" : "untitled.belay";
    return;
  }
  for (const std::string& root : roots_) {
    const std::optional<std::string> inside = below(root, *path);
    if (inside && dsl::is_definition_path(*inside)) {
      document.folder = root;
      document.path = *inside;
      return;
    }
  }
  document.folder = fs::path(*path).parent_path().generic_string();
  document.path = fs::path(*path).filename().generic_string();
}

void Documents::open(const std::string& uri, const std::string& language, std::int64_t version,
                     std::string text) {
  Document& document = documents_[uri];
  document.uri = uri;
  document.version = version;
  document.text = std::move(text);
  settle(document, language);
  workspaces_[document.folder].dirty = true;
}

bool Documents::change(const std::string& uri, std::int64_t version,
                       const std::optional<Range>& range, const std::string& text) {
  const auto found = documents_.find(uri);
  if (found == documents_.end()) return false;
  Document& document = found->second;
  document.version = version;
  if (range) {
    const Lines lines(document.text);
    const std::size_t from = lines.offset_of(range->start);
    const std::size_t to = std::max(from, lines.offset_of(range->end));
    document.text.replace(from, to - from, text);
  } else {
    document.text = text;
  }
  workspaces_[document.folder].dirty = true;
  return true;
}

void Documents::close(const std::string& uri) {
  const auto found = documents_.find(uri);
  if (found == documents_.end()) return;
  Workspace& workspace = workspaces_[found->second.folder];
  workspace.dirty = true;
  workspace.disk_read = false;  // it may have been saved since
  documents_.erase(found);
}

void Documents::disk_changed() {
  for (auto& [folder, workspace] : workspaces_) {
    workspace.disk_read = false;
    workspace.dirty = true;
  }
}

const Document* Documents::find(const std::string& uri) const {
  const auto found = documents_.find(uri);
  return found == documents_.end() ? nullptr : &found->second;
}

void Documents::compile(Workspace& workspace) {
  const bool on_disk = workspace.folder.starts_with('/');
  if (on_disk && !workspace.disk_read) {
    workspace.disk = dsl::read_definitions(
        workspace.folder,
        std::find(roots_.begin(), roots_.end(), workspace.folder) != roots_.end());
    workspace.disk_read = true;
  }
  std::map<std::string, std::string> files = workspace.disk;
  for (const auto& [uri, document] : documents_) {
    if (document.folder == workspace.folder) files[document.path] = document.text;
  }
  dsl::compile_again(workspace.compiled, files, catalog_);
  workspace.dirty = false;
}

const Workspace& Documents::compiled(const Document& document) {
  Workspace& workspace = workspaces_[document.folder];
  workspace.folder = document.folder;
  if (workspace.dirty) compile(workspace);
  return workspace;
}

void Documents::refresh() {
  for (auto it = workspaces_.begin(); it != workspaces_.end();) {
    const bool used = std::any_of(documents_.begin(), documents_.end(), [&](const auto& entry) {
      return entry.second.folder == it->first;
    });
    it = used ? std::next(it) : workspaces_.erase(it);
  }
  for (const auto& [uri, document] : documents_) compiled(document);
}

bool Documents::dirty() const {
  return std::any_of(workspaces_.begin(), workspaces_.end(),
                     [](const auto& entry) { return entry.second.dirty; });
}

std::string Documents::uri_of(const Workspace& workspace, const std::string& path) const {
  for (const auto& [uri, document] : documents_) {
    if (document.folder == workspace.folder && document.path == path) return uri;
  }
  return uri_of_path(workspace.folder == "/" ? "/" + path : workspace.folder + "/" + path);
}

}  // namespace belay::runtime::lsp
