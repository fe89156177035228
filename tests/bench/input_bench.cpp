// tests/bench/input_bench.cpp -- the input side on one thread: tokens of long captions, and crops of decoded pictures.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "image/transform.h"
#include "text/tokenizer.h"

namespace longclip {
namespace {

/// Sentences as in long captions; other numbers in each, so that not every text is the same.
std::vector<std::string> captions() {
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) {
    std::string text;
    for (int sentence = 0; sentence < 8; ++sentence) {
      text += "In the foreground, " + std::to_string(i * 7 + sentence) +
              " weathered wooden chairs surround a small round table covered with a checkered cloth, while a cyclist "
              "passes by. ";
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

void tokenize_long_captions(benchmark::State& state) {
  const Tokenizer& tokenizer = Tokenizer::clip();
  const std::vector<std::string> texts = captions();
  size_t next = 0;
  int64_t tokens = 0;
  for (auto iteration : state) {
    tokens += static_cast<int64_t>(tokenizer.encode(texts[next++ % texts.size()], 248).ids.size());
  }
  state.SetItemsProcessed(tokens);
}

void crop_pictures(benchmark::State& state) {  // width, height
  Picture picture{.width = state.range(0),
                  .height = state.range(1),
                  .mode = PictureMode::kRgb,
                  .bytes = {},
                  .palette = {},
                  .format = "JPEG"};
  picture.bytes.resize(static_cast<size_t>(picture.width * picture.height * 3));
  for (size_t i = 0; i < picture.bytes.size(); ++i) picture.bytes[i] = static_cast<uint8_t>(mix_keys(i));
  for (auto iteration : state) {
    const std::vector<uint8_t> crop = clip_crop(picture, 224);
    benchmark::DoNotOptimize(crop.data());
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(tokenize_long_captions)->Unit(benchmark::kMicrosecond);
BENCHMARK(crop_pictures)
    ->ArgNames({"width", "height"})
    ->Args({640, 480})
    ->Args({256, 256})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace longclip
