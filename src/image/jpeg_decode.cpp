// image/jpeg_decode.cpp -- JPEG as Pillow's JpegDecode.c reads it: accurate DCT, smooth upsampling, warnings ignored, a
// source that suspends at the end of the file, so that a cut file is noticed instead of being filled with grey.
// libjpeg reports errors by longjmp. The functions that call setjmp therefore own nothing: see JpegDecoder.

#include "image/jpeg_decode.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>

#include "base/error.h"
#include "image/byte_reader.h"

namespace longclip {
namespace {

/// Real progressive files have about ten scans. A hostile one has thousands of empty ones, each a pass over all pixels. So
/// large pictures may have fewer: a second or two of passes.
uint64_t max_scans(uint64_t pixels) { return std::clamp<uint64_t>(uint64_t{2'000'000'000} / pixels, 50, 500); }

/// The judgement that Pillow makes before libjpeg sees the file (JpegImagePlugin.py): segments up to the first scan must be
/// whole, and every marker a known one.
class SegmentCheck {
 public:
  SegmentCheck(std::span<const uint8_t> file, const std::string& where) : in_(file, where, "JPEG"), where_(where) {
    in_.set_order(ByteOrder::kBig);
  }
  void run() {
    in_.seek(2);
    while (true) {
      if (in_.u8() != 0xFF) continue;  // junk
      uint8_t marker = in_.u8();
      while (marker == 0xFF) marker = in_.u8();
      if (marker == 0) continue;
      require<DataError>(marker >= 0xC0 && marker != 0xFF, "{}: broken JPEG file: an unknown marker {:#04x}", where_, marker);
      const bool has_segment = marker <= 0xEF ? (marker != 0xC8 && (marker < 0xD0 || marker > 0xD9)) : marker == 0xFE;
      if (has_segment) check_segment(marker);
      if (marker == 0xDA) return;
    }
  }

 private:
  void check_segment(uint8_t marker) {
    const uint16_t length = in_.u16();
    const auto segment = in_.bytes(length > 2 ? length - 2 : 0);
    const bool is_frame = (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xCC) || marker == 0xDE;
    if (is_frame) {
      require<DataError>(segment.size() >= 6 && segment.size() % 3 == 0, "{}: broken JPEG file: a frame header of {} bytes",
                         where_, segment.size());
      require<DataError>(segment[0] == 8, "{}: JPEG files of {} bits are not read", where_, segment[0]);
    }
    for (auto tables = segment; marker == 0xDB && !tables.empty();) {
      const size_t size = tables[0] < 16 ? 65 : 129;
      require<DataError>(size <= tables.size(), "{}: broken JPEG file: a cut quantization table", where_);
      tables = tables.subspan(size);
    }
  }

  ByteReader in_;
  const std::string& where_;
};

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void leave_with_error(j_common_ptr cinfo) {
  auto* state = reinterpret_cast<ErrorState*>(cinfo->err);
  cinfo->err->format_message(cinfo, state->message);
  std::longjmp(state->jump, 1);
}

void say_nothing(j_common_ptr) {}
void ignore_warning(j_common_ptr, int) {}

void limit_scans(j_common_ptr cinfo) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(cinfo);
  const uint64_t limit = max_scans(uint64_t{decoder->image_width} * decoder->image_height);
  if (static_cast<uint64_t>(decoder->input_scan_number) <= limit) return;
  auto* state = reinterpret_cast<ErrorState*>(cinfo->err);
  std::snprintf(state->message, sizeof(state->message), "more than %d scans", static_cast<int>(limit));
  std::longjmp(state->jump, 1);
}

void no_action(j_decompress_ptr) {}
boolean suspend(j_decompress_ptr) { return FALSE; }

void skip_bytes(j_decompress_ptr cinfo, long count) {
  jpeg_source_mgr& source = *cinfo->src;
  const size_t step = count <= 0 ? 0 : std::min(static_cast<size_t>(count), source.bytes_in_buffer);
  source.next_input_byte += step;
  source.bytes_in_buffer -= step;
}

/// How far a step came.
enum class Outcome { kDone, kCut, kBroken, kLacksScans };

/// The libjpeg state. Its methods are the only places with setjmp; they hold no object with a destructor.
class JpegDecoder {
 public:
  explicit JpegDecoder(std::span<const uint8_t> file) {
    cinfo_.err = jpeg_std_error(&error_.manager);
    error_.manager.error_exit = leave_with_error;
    error_.manager.output_message = say_nothing;
    error_.manager.emit_message = ignore_warning;
    error_.message[0] = '\0';
    source_.next_input_byte = file.data();
    source_.bytes_in_buffer = file.size();
    source_.init_source = no_action;
    source_.fill_input_buffer = suspend;
    source_.skip_input_data = skip_bytes;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = no_action;
    progress_.progress_monitor = limit_scans;
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&cinfo_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  Outcome read_header();
  /// `pixels`: output_height rows of width * num_components bytes.
  Outcome read_pixels(J_COLOR_SPACE color_space, uint8_t* pixels);

  /// A progressive colour picture of which low frequencies are missing or not exact.
  bool lacks_scans() const;
  const jpeg_decompress_struct& info() const { return cinfo_; }
  const char* message() const { return error_.message; }

 private:
  jpeg_decompress_struct cinfo_{};
  ErrorState error_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
};

Outcome JpegDecoder::read_header() {
  if (setjmp(error_.jump) != 0) return Outcome::kBroken;
  jpeg_create_decompress(&cinfo_);
  cinfo_.src = &source_;
  cinfo_.progress = &progress_;
  int result = JPEG_HEADER_TABLES_ONLY;
  while (result == JPEG_HEADER_TABLES_ONLY) result = jpeg_read_header(&cinfo_, FALSE);
  return result == JPEG_SUSPENDED ? Outcome::kCut : Outcome::kDone;
}

Outcome JpegDecoder::read_pixels(J_COLOR_SPACE color_space, uint8_t* pixels) {
  if (setjmp(error_.jump) != 0) return Outcome::kBroken;
  cinfo_.out_color_space = color_space;
  if (!jpeg_start_decompress(&cinfo_)) return Outcome::kCut;
  while (cinfo_.output_scanline < cinfo_.output_height) {
    JSAMPROW row = pixels + size_t{cinfo_.output_scanline} * cinfo_.output_width * cinfo_.output_components;
    if (jpeg_read_scanlines(&cinfo_, &row, 1) != 1) return Outcome::kCut;
  }
  if (lacks_scans()) return Outcome::kLacksScans;
  // A missing end marker suspends here; all pixels are there, so Pillow and we do not mind.
  if (jpeg_finish_decompress(&cinfo_)) return Outcome::kDone;
  // A second frame header is an error for Pillow's libjpeg as soon as it sees the marker, for older ones after its length.
  const int marker = cinfo_.unread_marker;
  const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
  if (is_frame) std::snprintf(error_.message, sizeof(error_.message), "two frame headers");
  return is_frame ? Outcome::kBroken : Outcome::kDone;
}

bool JpegDecoder::lacks_scans() const {
  constexpr int kSmoothed = 10;  // coefficients that libjpeg estimates where they are missing
  if (!cinfo_.progressive_mode || cinfo_.num_components == 1 || cinfo_.coef_bits == nullptr) return false;
  for (int component = 0; component < cinfo_.num_components; ++component) {
    const int* bits = cinfo_.coef_bits[component];
    if (std::any_of(bits, bits + kSmoothed, [](int missing) { return missing != 0; })) return true;
  }
  return false;
}

void check(Outcome outcome, const JpegDecoder& decoder, const std::string& where) {
  require<DataError>(outcome != Outcome::kCut, "{}: the JPEG file is truncated", where);
  require<DataError>(outcome != Outcome::kBroken, "{}: broken JPEG file: {}", where, decoder.message());
  require<DataError>(outcome != Outcome::kLacksScans,
                     "{}: a progressive JPEG file without its last scans, which each libjpeg smooths in its own way", where);
}

struct JpegMode {
  PictureMode mode;
  J_COLOR_SPACE color_space;
};

JpegMode mode_of(int num_components, const std::string& where) {
  if (num_components == 1) return {PictureMode::kGrey, JCS_GRAYSCALE};
  if (num_components == 3) return {PictureMode::kRgb, JCS_RGB};
  if (num_components == 4) return {PictureMode::kCmyk, JCS_CMYK};
  fail<DataError>("{}: a JPEG file with {} components; 1, 3 and 4 are read", where, num_components);
}

}  // namespace

Picture decode_jpeg(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  SegmentCheck(file, where).run();
  std::vector<uint8_t> ended;
  if (options.load_truncated) {  // an end marker behind the file: libjpeg fills what is missing, as Pillow makes it do
    ended.assign(file.begin(), file.end());
    ended.insert(ended.end(), {0xFF, 0xD9});
    file = ended;
  }
  JpegDecoder decoder(file);
  check(decoder.read_header(), decoder, where);
  const auto& info = decoder.info();
  require_allowed_size(info.image_width, info.image_height, where, options);
  const auto [mode, color_space] = mode_of(info.num_components, where);

  Picture picture = blank_picture("JPEG", mode, info.image_width, info.image_height);
  check(decoder.read_pixels(color_space, picture.bytes.data()), decoder, where);
  if (mode == PictureMode::kCmyk) {
    // Adobe's convention, 0 is full ink; Pillow assumes it for every file of four components, with or without marker.
    for (uint8_t& byte : picture.bytes) byte = static_cast<uint8_t>(255 - byte);
  }
  return picture;
}

}  // namespace longclip
