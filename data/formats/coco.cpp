// data/formats/coco.cpp -- one walk through the file, then the captions are joined with their images.
#include "data/formats/coco.h"

#include <unordered_map>
#include <unordered_set>

#include "data/formats/json_cursor.h"
#include "data/formats/row_text.h"

namespace longclip {
namespace {

struct Entry {
  int64_t id = 0;
  std::string image, reason;  ///< the reason why it cannot be used; usually empty
};

int64_t id_of(const Json& object, const char* key) {
  const Json* id = find_value(object, key);
  require<DataError>(id != nullptr && id->is_number_integer(), "'{}' must be a whole number", key);
  return id->get<int64_t>();
}

/// What is read of the file before it is joined.
struct CocoTables {
  std::vector<Entry> images;
  std::unordered_set<int64_t> ids;
  std::unordered_map<int64_t, std::vector<std::string>> captions;  // [image id]
  int64_t unreadable = 0;                                          ///< annotations

  void add_image(std::string_view bytes) {
    Entry entry;
    try {
      const Json json = parse_row_object(bytes, R"({"id": ..., "file_name": ...})");
      entry.image = image_of(json, "file_name");
      entry.id = id_of(json, "id");
      require<DataError>(ids.insert(entry.id).second, "the id {} is there twice", entry.id);
    } catch (const DataError& error) {
      entry.reason = error.what();
    }
    images.push_back(std::move(entry));
  }
  void add_annotation(std::string_view bytes) {
    try {
      const Json json = parse_row_object(bytes, R"({"image_id": ..., "caption": ...})");
      const Json* caption = find_value(json, "caption");
      require<DataError>(caption != nullptr && caption->is_string(), "'caption' must be text");
      captions[id_of(json, "image_id")].push_back(caption->get<std::string>());
    } catch (const DataError&) {
      ++unreadable;
    }
  }
};

CocoTables read_tables(std::string_view file) {
  CocoTables tables;
  bool has_images = false, has_annotations = false;
  JsonCursor cursor(without_mark(file));
  for_each_member(cursor, [&](std::string_view key) {
    if (key == "images") {
      has_images = true;
      for_each_element(cursor, [&](std::string_view bytes, int64_t) { tables.add_image(bytes); });
    } else if (key == "annotations") {
      has_annotations = true;
      for_each_element(cursor, [&](std::string_view bytes, int64_t) { tables.add_annotation(bytes); });
    } else {
      cursor.take_value();
    }
  });
  require<DataError>(has_images && has_annotations,
                     "is no captions file of COCO: 'images' or 'annotations' is missing");
  return tables;
}

}  // namespace

void Coco::scan(std::string_view file, RowSink& rows) const {
  const CocoTables tables = read_tables(file);
  int64_t line = 0;
  for (const Entry& entry : tables.images) {
    ++line;
    const auto found = tables.captions.find(entry.id);
    if (!entry.reason.empty()) {
      rows.add_bad({"", line, entry.image, entry.reason});
    } else if (found == tables.captions.end()) {
      rows.add_bad({"", line, entry.image, "no caption: 'annotations' has none of this image", BadKind::kCaption});
    } else {
      rows.add_composed(compose_triple(entry.image, found->second, found->second), line);
    }
  }
  int64_t strays = 0;
  for (const auto& [id, captions] : tables.captions) strays += tables.ids.contains(id) ? 0 : std::ssize(captions);
  if (strays + tables.unreadable > 0)
    rows.warn(fmt::format("{} annotations are of no image in the file, {} cannot be read", strays, tables.unreadable));
}

}  // namespace longclip
