// What an editor holds open, laid over what is on disk, and the workspaces that both make. Texts
// are compiled from memory; the disk is read when a workspace is first needed and when the editor
// says that files changed. After an edit only what depends on it is looked at again
// (dsl::compile_again). For one thread.
//
// Which workspace a file belongs to: that of the folder which the editor opened (or the one below
// it that was asked for), when `belay check` would look at the file there; else the file's own
// folder without the folders below it: nobody waits for a walk through a home.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/symbols.h"
#include "runtime/lsp/position.h"

namespace belay::runtime::lsp {

// file: addresses and paths. nullopt: another scheme.
std::optional<std::string> path_of_uri(const std::string& uri);
std::string uri_of_path(const std::string& path);

struct Document {
  std::string uri;           // as the editor calls it
  std::int64_t version = 0;  // as the editor counts
  std::string text;
  std::string folder, path;  // the workspace, and the path in it
};

struct Workspace {
  std::string folder;                       // absolute; empty: of one document that is not on disk
  std::map<std::string, std::string> disk;  // path → text, as last read
  bool disk_read = false;                   // `disk` is as good as the editor told
  bool dirty = true;                        // `compiled` is older than the texts
  dsl::EditorCompilation compiled;
};

class Documents {
 public:
  Documents(const dsl::PluginCatalog* catalog) : catalog_(catalog) {}

  // Folders that the editor opened: absolute paths. Open documents move to the nearest.
  void add_root(const std::string& folder);
  void remove_root(const std::string& folder);

  void open(const std::string& uri, const std::string& language, std::int64_t version,
            std::string text);
  // Returns false when there is no such document.
  bool change(const std::string& uri, std::int64_t version, const std::optional<Range>& range,
              const std::string& text);
  // Unsaved text is forgotten: the file is read again.
  void close(const std::string& uri);
  // All files may have changed, come or gone.
  void disk_changed();

  // nullptr: it is not open.
  const Document* find(const std::string& uri) const;
  // The workspace of a document, compiled as it is now.
  const Workspace& compiled(const Document& document);
  // Compiles what has changed. Workspaces without an open document are let go.
  void refresh();
  const std::map<std::string, Workspace>& workspaces() const { return workspaces_; }
  // As the editor calls the file; made from its path when it is not open.
  std::string uri_of(const Workspace& workspace, const std::string& path) const;
  // Whether some workspace waits for refresh().
  bool dirty() const;

 private:
  void compile(Workspace& workspace);
  void settle(Document& document, const std::string& language) const;

  const dsl::PluginCatalog* catalog_;
  std::vector<std::string> roots_;
  std::map<std::string, Document> documents_;    // by uri
  std::map<std::string, Workspace> workspaces_;  // by folder, or uri of the one document
};

}  // namespace belay::runtime::lsp
