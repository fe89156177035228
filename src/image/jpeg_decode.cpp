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

namespace longclip {
namespace {

/// Real progressive files have about ten scans. A hostile one has thousands of empty ones, each a pass over all pixels.
constexpr int kMaxScans = 500;

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
  if (reinterpret_cast<j_decompress_ptr>(cinfo)->input_scan_number <= kMaxScans) return;
  auto* state = reinterpret_cast<ErrorState*>(cinfo->err);
  std::snprintf(state->message, sizeof(state->message), "more than %d scans", kMaxScans);
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
enum class Outcome { kDone, kCut, kBroken };

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
  // A missing end marker suspends here; all pixels are there, so Pillow and we do not mind.
  jpeg_finish_decompress(&cinfo_);
  return Outcome::kDone;
}

void check(Outcome outcome, const JpegDecoder& decoder, const std::string& where) {
  require<DataError>(outcome != Outcome::kCut, "{}: the JPEG file is truncated", where);
  require<DataError>(outcome != Outcome::kBroken, "{}: broken JPEG file: {}", where, decoder.message());
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
