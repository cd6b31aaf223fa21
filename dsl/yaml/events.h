// Phase one of the YAML form: yaml-cpp's events → nodes with places. See events.cpp.
#pragma once
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace belay::dsl::yaml {

struct Entry;

struct Node {
  enum class Kind { kMissing, kScalar, kMap, kList } kind = Kind::kMissing;
  std::string text;     // kScalar
  bool plain = false;   // not quoted, not a block
  bool block = false;   // | or >
  bool flow = false;    // a map in { }, a list in [ ]
  bool broken = false;  // a problem of it was reported: say no more about it
  Span span;
  std::vector<Entry> entries;  // kMap, in order, keys unique
  std::vector<Node> items;     // kList
};

struct Entry {
  Node key, value;
};

struct Document {
  Node root;
  bool broken = false;  // part of it could not be read
};

// REQUIRES: readable(). Never throws; every node has its place, no map has a key twice.
// `shape`: what mend_shape() found out, when these are mended lines.
struct Shape;
std::vector<Document> read_documents(const Sources& sources, std::uint32_t source,
                                     Diagnostics& diagnostics, const Shape* shape = nullptr);

}  // namespace belay::dsl::yaml
