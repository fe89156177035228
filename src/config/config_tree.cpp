// config/config_tree.cpp -- builds the tree from yaml-cpp's events, so that nothing is lost on the way (its own Node keeps
// duplicates, takes '<<' for a key and forgets which scalars were quoted).
#include "config/config_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

namespace longclip {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;
constexpr size_t kMaxNodes = 20'000;
constexpr size_t kMaxDepth = 32;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string place(const ConfigSource& source, int line, int column) {
  return source.order > 0 ? source.name : fmt::format("{}:{}:{}", source.name, line, column);
}

size_t count_nodes(const ConfigNode& node) {
  size_t count = 1;
  for (const ConfigNode& entry : node.entries) count += count_nodes(entry);
  return count;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::shared_ptr<const ConfigSource> source) : source_(std::move(source)) {}

  ConfigNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++num_documents_ > 1) fail_here(mark, "a second document begins; a config is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(ConfigNode::Kind::kNull, mark), mark, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    ConfigNode node = make(ConfigNode::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) fail_here(mark, "an alias stands inside the value it names");
    ConfigNode node = found->second;
    num_nodes_ += count_nodes(node);
    check_size(mark);
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    add(std::move(node), mark, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(ConfigNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(ConfigNode::Kind::kMapping, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    ConfigNode node;
    YAML::anchor_t anchor = 0;
    std::string key = "";  // of the entry that is read now
    bool has_key = false;
    int key_line = 0;
    int key_column = 0;
  };

  [[noreturn]] void fail_here(const YAML::Mark& mark, const std::string& reason) const {
    fail<ConfigError>("{}: {}", place(*source_, mark.line + 1, mark.column + 1), reason);
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") fail_here(mark, "tags are not read: '" + tag + "'");
  }

  void check_size(const YAML::Mark& mark) const {
    if (num_nodes_ > kMaxNodes)
      fail_here(mark, fmt::format("more than {} values (aliases count as what they name)", kMaxNodes));
  }

  ConfigNode make(ConfigNode::Kind kind, const YAML::Mark& mark) {
    ++num_nodes_;
    check_size(mark);
    ConfigNode node;
    node.kind = kind;
    node.source = source_;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void open(ConfigNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) fail_here(mark, fmt::format("nested deeper than {} levels", kMaxDepth));
    stack_.push_back({make(kind, mark), anchor});
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    YAML::Mark mark;  // where it began
    mark.line = frame.node.line - 1;
    mark.column = frame.node.column - 1;
    add(std::move(frame.node), mark, frame.anchor);
  }

  // A finished node becomes the root, an item of a list, the next key of a mapping or the value of that key.
  void add(ConfigNode node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) anchored_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == ConfigNode::Kind::kList) {
      frame.node.entries.push_back(std::move(node));
    } else if (!frame.has_key) {
      set_key(frame, node, mark);
    } else {
      frame.has_key = false;
      node.key = frame.key;
      if (node.kind == ConfigNode::Kind::kNull) {  // yaml-cpp puts a missing value where the next key stands
        node.line = frame.key_line;
        node.column = frame.key_column;
      }
      frame.node.entries.push_back(std::move(node));
    }
  }

  void set_key(Frame& frame, const ConfigNode& node, const YAML::Mark& mark) const {
    if (node.kind != ConfigNode::Kind::kScalar) fail_here(mark, "a key must be a word");
    if (node.text == "<<" && !node.quoted) {
      fail_here(mark, fmt::format("{}: merge keys are not read; write the keys out (anchors on values work)",
                                  full_key("<<")));
    }
    if (frame.node.find(node.text) != nullptr) {
      fail_here(mark, fmt::format("duplicate {} '{}'", stack_.size() == 1 ? "section" : "key", full_key(node.text)));
    }
    frame.key = node.text;
    frame.has_key = true;
    frame.key_line = node.line;
    frame.key_column = node.column;
  }

  std::string full_key(const std::string& last) const {
    std::string key;
    for (size_t i = 0; i + 1 < stack_.size(); ++i) {
      const Frame& frame = stack_[i];
      if (frame.node.kind == ConfigNode::Kind::kList) {
        key += fmt::format("[{}]", frame.node.entries.size());
      } else {
        key += (key.empty() ? "" : ".") + frame.key;
      }
    }
    return key.empty() ? last : key + "." + last;
  }

  std::shared_ptr<const ConfigSource> source_;
  ConfigNode root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, ConfigNode> anchored_;
  size_t num_nodes_ = 0;
  int num_documents_ = 0;
};

// Fails for what yaml-cpp would take differently from other readers: it ends a file at byte 4, and reads some tabs as spaces.
void check_characters(std::string_view text, const ConfigSource& source) {
  if (!is_valid_utf8(text)) fail<ConfigError>("{}: is not UTF-8 text", source.name);
  int line = 1;
  int column = 0;
  bool indenting = true;
  for (const char c : text) {
    ++column;
    if (c == '\t' && indenting) fail<ConfigError>("{}: a tab cannot indent; use spaces", place(source, line, column));
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') {
      fail<ConfigError>("{}: control character {:#04x}", place(source, line, column), static_cast<unsigned>(c));
    }
    indenting = c == '\n' || (indenting && c == ' ');
    if (c == '\n') {
      ++line;
      column = 0;
    }
  }
}

std::string without_carriage_returns(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    result += text[i];
  }
  return result;
}

// The next step of a path like "data.train[0].path": a key, or the digits of an index.
struct PathStep {
  std::string key;
  bool is_index = false;
};

std::vector<PathStep> split_path(std::string_view path, const std::string& name) {
  std::vector<PathStep> steps;
  size_t i = 0;
  const auto word = [&](std::string_view allowed) {
    const size_t end = std::min(path.find_first_not_of(allowed, i), path.size());
    const std::string found(path.substr(i, end - i));
    if (found.empty()) fail<ConfigError>("{}: '{}' is not a key; write for example optim.lr=2e-6", name, path);
    i = end;
    return found;
  };
  steps.push_back({word("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")});
  while (i < path.size()) {
    const char separator = path[i++];
    if (separator == '.') {
      steps.push_back({word("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")});
    } else if (separator == '[') {
      steps.push_back({word("0123456789"), true});
      if (i >= path.size() || path[i++] != ']') fail<ConfigError>("{}: '{}' lacks a ]", name, path);
    } else {
      fail<ConfigError>("{}: '{}' is not a key; write for example optim.lr=2e-6", name, path);
    }
  }
  return steps;
}

ConfigNode& enter(ConfigNode& node, const PathStep& step, const std::shared_ptr<const ConfigSource>& source) {
  if (step.is_index) {
    const size_t index = step.key.size() > 6 ? SIZE_MAX : std::stoul(step.key);
    if (node.kind == ConfigNode::Kind::kList && index < node.entries.size()) return node.entries[index];
    fail<ConfigError>("{}: '{}' has no entry [{}]", source->name, node.key, step.key);
  }
  if (node.kind == ConfigNode::Kind::kNull) {
    node.kind = ConfigNode::Kind::kMapping;
    node.source = source;
  }
  if (node.kind != ConfigNode::Kind::kMapping) fail<ConfigError>("{}: '{}' holds no keys", source->name, node.key);
  for (ConfigNode& entry : node.entries) {
    if (entry.key == step.key) return entry;
  }
  ConfigNode& made = node.entries.emplace_back();
  made.key = step.key;
  made.source = source;
  return made;
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view wanted) const {
  if (kind != Kind::kMapping) return nullptr;
  for (const ConfigNode& entry : entries) {
    if (entry.key == wanted) return &entry;
  }
  return nullptr;
}

std::string ConfigNode::where() const { return place(*source, line, column); }

void fail_at(const ConfigNode& node, std::string_view key, const std::string& reason) {
  fail<ConfigError>("{}: {}: {}", node.where(), key, reason);
}

ConfigNode parse_yaml(std::string_view text, const ConfigSource& source) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  check_characters(text, source);
  std::istringstream stream(without_carriage_returns(text));
  TreeBuilder builder(std::make_shared<const ConfigSource>(source));
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    fail<ConfigError>("{}: not YAML: {}", place(source, error.mark.line + 1, error.mark.column + 1), error.msg);
  }
  return builder.take_root();
}

ConfigNode load_yaml(const std::filesystem::path& file) {
  const ConfigSource source{file.string(), std::filesystem::absolute(file).parent_path()};
  ConfigNode root = parse_yaml(read_file(file, kMaxBytes), source);
  if (root.kind == ConfigNode::Kind::kNull)
    fail<ConfigError>("{}:1:1: nothing in the file; a config has sections, for example run:", source.name);
  if (root.kind != ConfigNode::Kind::kMapping)
    fail<ConfigError>("{}: the top level must be sections, for example run:", root.where());
  return root;
}

void apply_override(ConfigNode& root, const std::string& assignment, int order) {
  const ConfigSource source{"--set " + assignment, std::filesystem::current_path(), order};
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) fail<ConfigError>("{}: must be KEY=VALUE, for example optim.lr=2e-6", source.name);
  const auto shared = std::make_shared<const ConfigSource>(source);
  ConfigNode* target = &root;
  for (const PathStep& step : split_path(std::string_view(assignment).substr(0, equals), source.name)) {
    target = &enter(*target, step, shared);
  }
  ConfigNode value = parse_yaml(std::string_view(assignment).substr(equals + 1), source);
  value.key = target->key;
  value.source = shared;
  *target = std::move(value);
}

}  // namespace longclip
