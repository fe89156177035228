// data/formats/webdataset.cpp -- grouping members into samples, and what a sample says.
#include "data/formats/webdataset.h"

#include <map>
#include <optional>

#include "data/formats/row_text.h"
#include "data/formats/tar_reader.h"
#include "image/picture_names.h"

namespace longclip {
namespace {

struct MemberName {
  std::string_view key;
  std::string ending;  ///< in lower case
};

/// Nothing for a member that is no part of a sample.
std::optional<MemberName> sample_name(const TarMember& member) {
  if (!member.is_file) return {};
  const std::string_view name = member.name;
  const size_t slash = name.rfind('/');
  const size_t base = slash == std::string_view::npos ? 0 : slash + 1;
  const size_t dot = name.find('.', base);
  const bool is_meta = name.substr(base).starts_with("__") && name.ends_with("__");
  if (dot == std::string_view::npos || dot == base || is_meta) return {};
  return MemberName{name.substr(0, dot), lower_case(name.substr(dot + 1))};
}

/// The members of one sample by their endings, and the picture.
struct SampleMembers {
  std::map<std::string, std::string_view> data;  // [ending]
  std::string picture_name, picture_ending, key;
};

SampleMembers members_of(std::string_view bytes) {
  SampleMembers members;
  TarReader reader(bytes);
  TarMember member;
  while (reader.next(member)) {
    const auto name = sample_name(member);
    if (!name) continue;
    members.key = name->key;
    require<DataError>(members.data.emplace(name->ending, member.data).second, "two members are called {}.{}",
                       name->key, name->ending);
    if (!members.picture_name.empty() || !is_picture_ending(name->ending)) continue;
    members.picture_name = member.name;
    members.picture_ending = name->ending;
  }
  return members;
}

std::string caption_in(std::string_view text, std::string_view kind) {
  require<CaptionError>(text.size() <= kMaxRowBytes, "a {} caption has {} bytes, more than {}", kind, text.size(),
                        kMaxRowBytes);
  text = without_mark(text);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return checked_caption(std::string(text), kind);
}

void read_json_member(std::string_view text, PairRow& row) {
  const Json json = parse_row_object(text, R"({"long": ..., "short": ...})");
  row.long_captions = captions_of(json, "long", "caption", "long");
  if (row.long_captions.empty()) row.long_captions = captions_of(json, "caption", "caption", "long");
  row.short_captions = captions_of(json, "short", "caption", "short");
}

[[noreturn]] void fail_without_picture(const SampleMembers& members) {
  std::string endings;
  bool has_dots = false;
  for (const auto& [ending, data] : members.data) {
    endings += (endings.empty() ? "." : ", .") + ending;
    has_dots |= ending != "short.txt" && ending.find('.') != std::string::npos;
  }
  fail<MissingPicture>("no picture among the members of '{}' ({}){}", members.key, endings,
                       has_dots ? "; a key ends at the first dot of the file name, so there must be no dots in keys"
                                : "; the members of a sample must follow each other");
}

}  // namespace

void Webdataset::scan(std::string_view file, RowSink& rows) const {
  TarReader reader(file);
  TarMember member;
  std::string key;
  size_t start = 0, end = 0;
  int64_t number = 0;
  const auto finish = [&] {
    if (number > 0) rows.add(file.substr(start, end - start), number);
  };
  while (reader.next(member)) {
    const auto name = sample_name(member);
    if (!name) continue;
    if (number == 0 || name->key != key) {
      finish();
      ++number;
      key = name->key;
      start = member.start;
    }
    end = member.end;
  }
  finish();
  if (!reader.has_more()) return;
  rows.warn(
      fmt::format("the archive ends at byte {} of {}, behind {} samples, and what follows is not read; archives that "
                  "were put together with "
                  "cat are one to their first end: use tar --concatenate, or keep them as shards of their own",
                  reader.end(), file.size(), number));
}

void Webdataset::parse(std::string_view bytes, PairRow& row) const {
  const SampleMembers members = members_of(bytes);
  row.image = members.key;
  if (members.picture_name.empty()) fail_without_picture(members);
  const std::string_view picture = members.data.at(members.picture_ending);
  require<BrokenPicture>(!picture.empty(), "{} is empty", members.picture_name);
  const auto find = [&members](const char* ending) {
    const auto found = members.data.find(ending);
    return found == members.data.end() ? nullptr : &found->second;
  };
  if (const auto* text = find("txt")) {
    row.long_captions = {caption_in(*text, "long")};
  } else if (const auto* json = find("json")) {
    read_json_member(*json, row);
  }
  require<CaptionError>(!row.long_captions.empty(),
                        "no long caption: neither {0}.txt nor {0}.json with 'long' or 'caption'; the "
                        "members of a sample must follow each other",
                        members.key);
  if (const auto* text = find("short.txt")) row.short_captions = {caption_in(*text, "short")};
  row.image = members.picture_name;
  row.packed_picture = {reinterpret_cast<const uint8_t*>(picture.data()), picture.size()};
}

}  // namespace longclip
