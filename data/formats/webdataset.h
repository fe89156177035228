#pragma once
// data/formats/webdataset.h -- samples in tar shards: key.jpg with key.txt (or key.json) and key.short.txt.

#include "data/formats/row_format.h"

namespace longclip {

/// A sample is a run of members with the same key, as in the webdataset library: the name up to the first dot behind its
/// last '/'. What follows it, without regard to case, is the ending. Of a sample:
///   picture   an ending of image/picture_names.h; the first one
///   long      txt, all of it; else json with "long" or "caption", and "short", as Triples reads them
///   short     short.txt; else what the json says, where that is read
/// Passed over: folders, links, names that begin with a dot (._0001.jpg), __names__, names without an ending. A row's line
/// is the number of the sample in its shard, from 1; the image is the member's name, or of a bad row its key.
class Webdataset : public RowFormat {
 public:
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override;
  std::string parameters() const override { return "webdataset"; }
};

}  // namespace longclip
