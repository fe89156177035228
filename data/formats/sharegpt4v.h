#pragma once
// data/formats/sharegpt4v.h -- the published JSON array of ShareGPT4V: {"image": path, "conversations": [..., {"value": caption}]}.

#include "data/formats/row_format.h"

namespace longclip {

/// The caption is conversations[1].value, as in upstream's sharegpt4v.py; short captions are not given. Lines of the
/// rows are the numbers of the array's elements, from 1.
class Sharegpt4v : public RowFormat {
 public:
  void scan(std::string_view file, RowSink& rows) const override;
  void parse(std::string_view bytes, PairRow& row) const override;
  std::string parameters() const override { return "sharegpt4v"; }
};

}  // namespace longclip
