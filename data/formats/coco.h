#pragma once
// data/formats/coco.h -- COCO's captions JSON: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}.

#include "data/formats/triples.h"

namespace longclip {

/// A row is an entry of "images", in their order, with all its captions in the order of "annotations"; as COCO has one
/// kind of caption, these are its long and its short ones. A row's line is the number of its entry, from 1. A blank
/// caption is left out where others are there. Those, and annotations that cannot be read or are of no image, are counted
/// in warnings.
class Coco : public RowFormat {
 public:
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override { triples_.parse(bytes, row); }
  std::string parameters() const override { return "coco"; }

 private:
  Triples triples_{BlankCaptions::kLeaveOut};  // the rows are composed as such
};

}  // namespace longclip
