// A folder on disk as one program: which files belong to it, in which order, and what is wrong with
// a file before any reader sees it. The rest is compile_sources, which works from memory. Tested in
// tests/dsl/workspace_test.cpp.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "dsl/compile.h"
#include "dsl/compile/again.h"
#include "dsl/compile/compile_files.h"
#include "dsl/limits.h"
#include "dsl/read.h"
#include "dsl/symbols.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;

constexpr int kFolderDepthMax = 32;

bool has_ending(std::string_view path, std::string_view ending) {
  return path.size() > ending.size() && path.ends_with(ending);
}
bool is_definition(std::string_view path) {
  return has_ending(path, ".belay") || has_ending(path, ".yaml");
}

bool is_skipped_folder(const std::string& name) { return name.starts_with(".") || name == "tests"; }

// What compile_workspace found: texts by path, and what it could not read.
struct Found {
  std::map<std::string, std::string> files;
  std::vector<std::pair<std::string, std::string>> unreadable;  // path, why
  bool too_many = false;
};

void read_one(const fs::path& path, const std::string& shown, Found& found) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    found.unreadable.emplace_back(shown, error.message());
    return;
  }
  std::ifstream in(path, std::ios::binary);
  // One byte more than is allowed is enough for the reader to see that it is too much.
  std::string text(std::min<std::uintmax_t>(size, limits::file_bytes_max + 1), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof())) {
    found.unreadable.emplace_back(shown, "it cannot be read");
    return;
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  found.files.emplace(shown, std::move(text));
}

void walk(const fs::path& folder, const std::string& shown, int depth, Found& found) {
  if (found.too_many) return;
  if (depth > kFolderDepthMax) {
    found.unreadable.emplace_back(
        shown, "folders are nested more than " + std::to_string(kFolderDepthMax) + " deep");
    return;
  }
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) {
    found.unreadable.emplace_back(shown, error.message());
    return;
  }
  for (const fs::directory_iterator end; entries != end; entries.increment(error)) {
    if (error) {
      found.unreadable.emplace_back(shown, error.message());
      return;
    }
    const std::string name = entries->path().filename().string();
    const std::string path = shown.empty() ? name : shown + "/" + name;
    std::error_code status_error;
    const fs::file_status status = entries->symlink_status(status_error);
    if (status_error) continue;
    if (fs::is_directory(status)) {
      if (!is_skipped_folder(name)) walk(entries->path(), path, depth + 1, found);
    } else if (fs::is_regular_file(status) && is_definition(name)) {
      if (found.files.size() + found.unreadable.size() >= limits::files_max) {
        found.too_many = true;
        return;
      }
      read_one(entries->path(), path, found);
    }
  }
}

// "workflows" for "…/workflows/": paths are shown relative to the workspace's parent. The current
// folder is itself.
std::string shown_name(const std::string& dir) {
  fs::path path = fs::path(dir).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string name = path.filename().string();
  return name == "." || name == ".." || name == "/" ? "" : name;
}

Span start_of(std::uint32_t file) { return {.file = file, .line = 1, .column = 1, .length = 0}; }

// One file; nothing when it is not ours. Size and encoding are the readers' business: they know
// where in the file it goes wrong.
std::optional<File> read_one_source(const Sources& sources, std::uint32_t i, Diagnostics& found) {
  const SourceFile& file = sources.file(i);
  if (!is_definition(file.path)) return std::nullopt;
  if (has_ending(file.path, ".belay")) return read_text(sources, i, found);
  if (classify_yaml(sources, i, found) == YamlKind::kBelay) return read_yaml(sources, i, found);
  if (found.errors() == 0) return std::nullopt;
  return File{
      .source = i, .form = File::Form::kYaml, .lost = true};  // ours, without its first line
}

// Files know nothing of each other, so they are read on several threads; what was found is told in
// the order of the files all the same.
void read_some(const Sources& sources, const std::vector<std::uint32_t>& wanted,
               std::vector<std::optional<File>>& files, std::vector<Diagnostics>& found) {
  const auto count = static_cast<std::uint32_t>(wanted.size());
  std::atomic<std::uint32_t> next{0};
  const auto work = [&] {
    for (std::uint32_t i = next++; i < count; i = next++)
      files[wanted[i]] = read_one_source(sources, wanted[i], found[wanted[i]]);
  };
  constexpr std::uint32_t kFilesPerThread = 32;
  const unsigned threads =
      std::min({std::thread::hardware_concurrency(), count / kFilesPerThread, 8u});
  std::vector<std::jthread> helpers;
  for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
}  // the helpers are joined

void read_sources(Compilation& out) {
  const auto count = static_cast<std::uint32_t>(out.sources.size());
  std::vector<std::optional<File>> files(count);
  std::vector<Diagnostics> found(count);
  std::vector<std::uint32_t> all(count);
  std::iota(all.begin(), all.end(), 0u);
  read_some(out.sources, all, files, found);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (files[i]) out.files.push_back(std::move(*files[i]));
    out.diagnostics.absorb(std::move(found[i]));
  }
}

void finish(Compilation& out) {
  out.diagnostics.sort();
  out.diagnostics.merge(out.sources);
}

Compilation compile(std::map<std::string, std::string> files, const PluginCatalog* catalog,
                    Compilation out) {
  for (auto& [path, text] : files) out.sources.add(path, std::move(text));
  read_sources(out);
  out.program = compile_files(out.files, out.sources, catalog, out.diagnostics);
  finish(out);
  return out;
}

bool same_paths(const Sources& sources, const std::map<std::string, std::string>& files) {
  std::uint32_t i = 0;
  if (sources.size() != files.size()) return false;
  return std::all_of(files.begin(), files.end(),
                     [&](const auto& file) { return sources.file(i++).path == file.first; });
}

// What the compilation before knew of its workflows goes to where the next one looks for it.
void hand_over(Compilation& before, Symbols& symbols, EditorMemory& memory) {
  for (interpreter::Graph& graph : before.program.graphs) {
    const auto info = memory.sagas.find(graph.workflow);
    if (info == memory.sagas.end()) continue;
    EditorMemory::Lowered& kept = memory.lowered[info->first];
    kept.info = std::move(info->second);
    kept.graph = std::move(graph);
  }
  for (Scope& scope : symbols.scopes) {
    const auto known = memory.lowered.find(scope.workflow);
    if (known != memory.lowered.end()) known->second.scope = std::move(scope);
  }
}

}  // namespace

Compilation compile_workspace(const std::string& dir, const PluginCatalog* catalog) {
  Compilation out;
  Found found;
  std::error_code error;
  if (!fs::is_directory(dir, error)) {
    const bool is_file = fs::exists(dir, error) && !error;
    out.diagnostics.add(
        "BEL1304", start_of(out.sources.add(dir, "")),
        is_file ? "a workspace is a folder, and this is a file" : "there is no such folder");
    return out;
  }
  walk(fs::path(dir), shown_name(dir), 0, found);
  for (const auto& [path, why] : found.unreadable) {
    out.diagnostics.add("BEL1301", start_of(out.sources.add(path, "")),
                        "this cannot be read: " + why);
  }
  if (found.too_many) {
    out.diagnostics
        .add("BEL1303", start_of(out.sources.add(dir, "")),
             "this folder holds too many definitions")
        .notes.push_back(
            {{}, false, "a workspace may have " + std::to_string(limits::files_max) + " files"});
    return out;
  }
  return compile(std::move(found.files), catalog, std::move(out));
}

Compilation compile_sources(const std::map<std::string, std::string>& files,
                            const PluginCatalog* catalog) {
  return compile(files, catalog, {});
}

EditorCompilation compile_for_editor(const std::map<std::string, std::string>& files,
                                     const PluginCatalog* catalog) {
  EditorCompilation out;
  compile_again(out, files, catalog);
  return out;
}

EditorWork compile_again(EditorCompilation& compiled,
                         const std::map<std::string, std::string>& files,
                         const PluginCatalog* catalog) {
  // A copy of a compilation shares its memory, and only one of the two can go on with it.
  const bool known = compiled.memory.use_count() == 1 && compiled.memory->catalog == catalog &&
                     same_paths(compiled.compilation.sources, files);
  const auto memory = known ? compiled.memory : std::make_shared<EditorMemory>();
  const auto count = static_cast<std::uint32_t>(files.size());
  memory->catalog = catalog;
  memory->files.resize(count);
  memory->changed.assign(count, !known);
  memory->checks = 0;
  if (known) hand_over(compiled.compilation, compiled.symbols, *memory);

  Compilation before = std::exchange(compiled.compilation, {});
  compiled.symbols = {};
  Compilation& out = compiled.compilation;
  std::vector<std::optional<File>> trees(count);
  if (known) {
    for (File& file : before.files) trees[file.source] = std::move(file);
  }
  std::vector<std::uint32_t> wanted;
  std::uint32_t i = 0;
  for (const auto& [path, text] : files) {
    if (known && before.sources.file(i).text == text) {
      out.sources.add(before.sources.take(i));
    } else {
      out.sources.add(path, text);
      memory->changed[i] = true;
      wanted.push_back(i);
    }
    ++i;
  }
  std::vector<Diagnostics> found(count);
  for (const std::uint32_t index : wanted) trees[index].reset();
  read_some(out.sources, wanted, trees, found);
  std::vector<std::string> names;  // declared where something changed, before or now
  for (const std::uint32_t index : wanted) {
    EditorMemory::ReadFile& file = memory->files[index];
    names.insert(names.end(), file.names.begin(), file.names.end());
    file = {.said = std::move(found[index]), .ours = trees[index].has_value()};
    EditorMemory::note_names(out.sources.file(index), file.ours ? &*trees[index] : nullptr, file);
    names.insert(names.end(), file.names.begin(), file.names.end());
  }
  if (known) memory->spread(std::move(names));
  for (std::uint32_t index = 0; index < count; ++index) {
    if (trees[index]) out.files.push_back(std::move(*trees[index]));
    out.diagnostics.absorb(Diagnostics(memory->files[index].said));
  }
  out.program = compile_files(out.files, out.sources, catalog, out.diagnostics, &compiled.symbols,
                              memory.get());
  finish(out);
  compiled.memory = memory;
  return {wanted.size(), memory->checks};
}

std::map<std::string, std::string> read_definitions(const std::string& dir, bool below) {
  Found found;
  walk(fs::path(dir), "", below ? 0 : kFolderDepthMax, found);
  return std::move(found.files);
}

bool is_definition_path(std::string_view path) {
  if (path.empty() || path.front() == '/' || !is_definition(path)) return false;
  for (std::size_t from = 0; from < path.size();) {
    const std::size_t end = path.find('/', from);
    if (end == std::string_view::npos) break;
    if (is_skipped_folder(std::string(path.substr(from, end - from)))) return false;
    from = end + 1;
  }
  return true;
}

}  // namespace belay::dsl
