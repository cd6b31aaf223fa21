// Print, look where everything came to stand, write the comments in, and read the result back
// before it is believed: see format.h. Because the comments are tied by the places of the tree
// (dsl/syntax.h), neither reader nor printer knows of them, and a new statement carries its
// comments as soon as dump_tree knows it.
#include "dsl/format.h"

#include <algorithm>

#include "dsl/format/place.h"
#include "dsl/read.h"

namespace belay::dsl {
namespace {

struct Read {
  Sources sources;
  File file;
  bool clean = false;
};

Read read(const std::string& path, std::string text, File::Form form) {
  Read out;
  Diagnostics diagnostics;
  out.sources.add(path, std::move(text));
  out.file = form == File::Form::kYaml ? read_yaml(out.sources, 0, diagnostics)
                                       : read_text(out.sources, 0, diagnostics);
  out.clean = diagnostics.errors() == 0;
  return out;
}

std::vector<std::string> sorted_texts(const std::vector<Comment>& comments) {
  std::vector<std::string> out;
  for (const Comment& comment : comments) out.push_back(comment.text);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::optional<std::string> format_file(const Sources& sources, const File& file, File::Form to) {
  const bool same_form = file.form == to, yaml = to == File::Form::kYaml;
  const std::string& path = sources.file(file.source).path;
  const format::Layout from = format::layout_of(sources, file);
  const std::vector<format::Note> notes = format::notes_of(sources, file, from);
  std::string plain = yaml ? print_yaml(file) : print_text(file);
  const Read bare = read(path, plain, to);
  if (!bare.clean || !same_tree(bare.file, file)) return std::nullopt;
  format::Layout layout = format::layout_of(bare.sources, bare.file);
  std::string text =
      yaml ? format::place_in_yaml(yaml::sheet(file), std::move(layout), notes, same_form)
           : format::place_in_text(plain, layout, notes, same_form);
  const Read back = read(path, text, to);
  if (!back.clean || !same_tree(back.file, file)) return std::nullopt;
  if (sorted_texts(comments_of(back.sources, back.file)) != sorted_texts(from.comments))
    return std::nullopt;
  return text;
}

}  // namespace belay::dsl
