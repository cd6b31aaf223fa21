// fmt, convert, schema: the looks of definitions. A file is written only when it could be read
// without an error and what is written reads back as the same tree with the same comments
// (dsl/format.h).
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "dsl/format.h"
#include "dsl/read.h"
#include "dsl/schema.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"

namespace belay::runtime::cli {

namespace fs = std::filesystem;

namespace {

int complain(const std::string& text) {
  std::fprintf(stderr, "belay: %s\n", text.c_str());
  return kRefused;
}

bool is_yaml(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}
bool is_text(const fs::path& path) { return path.extension() == ".belay"; }

// Every definition below a folder, or the one file; sorted.
std::vector<fs::path> definitions_below(const fs::path& input) {
  std::error_code error;
  if (!fs::is_directory(input, error)) return {input};
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator it(input, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name.starts_with(".") || name == "tests")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file() && !it->is_symlink() &&
               (is_yaml(it->path()) || is_text(it->path()))) {
      files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// A definition, read. Diagnostics were printed when `ok` is false.
struct Definition {
  dsl::Sources sources;
  dsl::File file;
  bool ok = false;
  bool foreign = false;  // YAML that is none of ours
};

void print(dsl::Diagnostics& diagnostics, const dsl::Sources& sources) {
  diagnostics.sort();
  const bool colour = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::fputs(dsl::render_text(diagnostics, sources, colour).c_str(), stderr);
}

bool lacks_only_its_first_line(const dsl::Diagnostics& diagnostics) {
  const auto& all = diagnostics.all();
  return !all.empty() && std::all_of(all.begin(), all.end(), [](const dsl::Diagnostic& d) {
    return d.kind->code == "BEL1010";
  });
}

Definition read_definition(const std::string& name, const std::string& text, bool yaml,
                           bool upgrade) {
  Definition out;
  dsl::Diagnostics diagnostics;
  const std::uint32_t source = out.sources.add(name, text);
  const bool foreign =
      yaml && dsl::classify_yaml(out.sources, source, diagnostics) == dsl::YamlKind::kForeign;
  if (foreign && diagnostics.all().empty()) {
    out.foreign = true;
    return out;
  }
  if (!foreign) {
    out.file = yaml ? dsl::read_yaml(out.sources, source, diagnostics)
                    : dsl::read_text(out.sources, source, diagnostics);
  }
  if (upgrade && lacks_only_its_first_line(diagnostics)) {
    return read_definition(name, (yaml ? "belay: 1\n" : "belay 1\n") + text, yaml, false);
  }
  out.ok = diagnostics.errors() == 0;
  if (!out.ok) print(diagnostics, out.sources);
  return out;
}

int cannot_keep(const std::string& name) {
  return complain(
      "`" + name +
      "` cannot be laid out without changing what it says; it was left as it is. Please "
      "report this file");
}

// ---- fmt ----

bool looks_like_yaml(const std::string& text) {
  std::size_t from = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    from = end + 1;
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    return line.find(':') != std::string::npos && line.substr(first, 6) != "belay " &&
           line.substr(first, 10) != "retry plan";
  }
  return false;
}

int format_stdin(const FormatCommand& command) {
  const auto text = read_file("-");
  if (!text) return complain(text.error().message);
  const bool yaml = command.form.empty() ? looks_like_yaml(*text) : command.form == "yaml";
  Definition definition = read_definition("standard input", *text, yaml, command.upgrade);
  if (definition.foreign)
    return complain("standard input is no definition: it has no line `belay: 1`");
  if (!definition.ok) return kRefused;
  const auto done = dsl::format_file(definition.sources, definition.file, definition.file.form);
  if (!done) return cannot_keep("standard input");
  if (command.check) return *done == *text ? kDone : kRefused;
  std::fwrite(done->data(), 1, done->size(), stdout);
  return kDone;
}

// What became of one file.
enum class Outcome { kSame, kChanged, kSkipped, kFailed };

Outcome format_one(const fs::path& path, const FormatCommand& command) {
  const auto text = read_file(path.string());
  if (!text) {
    complain(text.error().message);
    return Outcome::kFailed;
  }
  Definition definition = read_definition(path.string(), *text, is_yaml(path), command.upgrade);
  if (definition.foreign) return Outcome::kSkipped;
  if (!definition.ok) {
    complain("`" + path.string() + "` has problems and was left as it is");
    return Outcome::kFailed;
  }
  const auto done = dsl::format_file(definition.sources, definition.file, definition.file.form);
  if (!done) {
    cannot_keep(path.string());
    return Outcome::kFailed;
  }
  if (*done == *text) return Outcome::kSame;
  if (!command.check) {
    std::error_code error;
    fs::path target = fs::canonical(path, error);  // a link stays a link
    if (error) target = path;
    const fs::perms mode = fs::status(target, error).permissions();
    if (const auto written = write_file(target.string(), *done); !written) {
      complain(written.error().message);
      return Outcome::kFailed;
    }
    fs::permissions(target, mode, error);
  }
  std::printf(command.check ? "%s\n" : "formatted %s\n", path.string().c_str());
  return Outcome::kChanged;
}

}  // namespace

int run(const FormatCommand& command) {
  const auto& inputs = command.inputs;
  if (std::find(inputs.begin(), inputs.end(), "-") != inputs.end()) {
    if (inputs.size() == 1) return format_stdin(command);
    complain("`-` stands alone: standard input is formatted to standard output");
    return kUsage;
  }
  int result = kDone;
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!fs::exists(input, error)) {
      result = complain("there is no file or folder `" + input + "`");
      continue;
    }
    const bool folder = fs::is_directory(input, error);
    if (!folder && !is_yaml(input) && !is_text(input)) {
      result =
          complain("`" + input + "` is no definition: its name ends in neither .belay nor .yaml");
      continue;
    }
    for (const fs::path& path : definitions_below(input)) {
      const Outcome outcome = format_one(path, command);
      if (outcome == Outcome::kFailed || (outcome == Outcome::kChanged && command.check)) {
        result = kRefused;
      }
      if (outcome == Outcome::kSkipped && !folder) {
        result = complain("`" + input + "` is no definition: it has no line `belay: 1`");
      }
    }
  }
  return result;
}

// ---- convert ----

int run(const ConvertCommand& command) {
  std::error_code error;
  const bool folder = fs::is_directory(command.input, error);
  if (folder && command.out.empty()) {
    complain("a folder is written to a folder: name it with --out");
    return kUsage;
  }
  int result = kDone;
  for (const fs::path& from : definitions_below(command.input)) {
    const auto text = read_file(from.string());
    if (!text) {
      result = complain(text.error().message);
      continue;
    }
    Definition definition = read_definition(from.string(), *text, is_yaml(from), false);
    if (definition.foreign) continue;
    if (!definition.ok) {
      result = kRefused;
      continue;
    }
    const auto done =
        dsl::format_file(definition.sources, definition.file,
                         command.to == "yaml" ? dsl::File::Form::kYaml : dsl::File::Form::kText);
    if (!done) {
      result = cannot_keep(from.string());
      continue;
    }
    if (command.out.empty()) {
      std::fwrite(done->data(), 1, done->size(), stdout);
      continue;
    }
    fs::path to = command.out;
    if (folder) {
      to /= fs::relative(from, command.input, error);
      to.replace_extension(command.to == "yaml" ? ".yaml" : ".belay");
      fs::create_directories(to.parent_path(), error);
    }
    if (const auto written = write_file(to.string(), *done); !written)
      return complain(written.error().message);
  }
  return result;
}

// ---- schema ----

int run(const SchemaCommand& command) {
  const std::string schema = dsl::yaml_schema();
  if (command.out.empty()) {
    std::fwrite(schema.data(), 1, schema.size(), stdout);
    return kDone;
  }
  std::error_code error;
  if (const fs::path folder = fs::path(command.out).parent_path(); !folder.empty())
    fs::create_directories(folder, error);
  const auto written = write_file(command.out, schema);
  return written ? kDone : complain(written.error().message);
}

}  // namespace belay::runtime::cli
