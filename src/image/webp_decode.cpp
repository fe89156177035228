// image/webp_decode.cpp -- WebP by libwebp and its demuxer. Pillow uses WebPAnimDecoder; its first frame is the decoded
// fragment on a canvas of zeros, which is made here without the two further canvases that the animation needs.

#include "image/webp_decode.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "base/error.h"

namespace longclip {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

/// The first frame. Its fragment points into the file.
class FirstFrame {
 public:
  explicit FirstFrame(const WebPDemuxer* demuxer) : found_(WebPDemuxGetFrame(demuxer, 1, &frame_) != 0) {}
  ~FirstFrame() { WebPDemuxReleaseIterator(&frame_); }
  FirstFrame(const FirstFrame&) = delete;
  FirstFrame& operator=(const FirstFrame&) = delete;
  bool found() const { return found_; }
  const WebPIterator& operator*() const { return frame_; }

 private:
  WebPIterator frame_{};
  bool found_;
};

void decode_fragment(const WebPIterator& frame, const std::string& where, Picture& picture) {
  const auto pixel_bytes = static_cast<size_t>(bytes_per_pixel(picture.mode));
  const size_t stride = static_cast<size_t>(picture.width) * pixel_bytes;
  const size_t first = static_cast<size_t>(frame.y_offset) * stride + static_cast<size_t>(frame.x_offset) * pixel_bytes;
  WebPDecoderConfig config;
  require<std::runtime_error>(WebPInitDecoderConfig(&config) != 0, "libwebp is another version than compiled with");
  config.output.colorspace = picture.mode == PictureMode::kRgba ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = picture.bytes.data() + first;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = picture.bytes.size() - first;
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  require<DataError>(status == VP8_STATUS_OK, "{}: broken WebP file: the first frame cannot be decoded (libwebp: {})",
                     where, static_cast<int>(status));
}

}  // namespace

Picture decode_webp(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemux(&data));
  require<DataError>(demuxer != nullptr, "{}: the WebP file is truncated or broken", where);
  const uint64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  require_allowed_size(width, height, where, options);
  const FirstFrame frame(demuxer.get());
  require<DataError>(frame.found(), "{}: the WebP file holds no picture", where);
  const bool fits = (*frame).x_offset >= 0 && (*frame).y_offset >= 0 &&
                    static_cast<uint64_t>((*frame).x_offset) + static_cast<uint64_t>((*frame).width) <= width &&
                    static_cast<uint64_t>((*frame).y_offset) + static_cast<uint64_t>((*frame).height) <= height;
  require<DataError>(fits, "{}: broken WebP file: the first frame lies outside of the canvas", where);
  WebPBitstreamFeatures features;
  const bool has_alpha = WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK || features.has_alpha != 0;
  Picture picture = blank_picture("WEBP", has_alpha ? PictureMode::kRgba : PictureMode::kRgb, width, height);
  decode_fragment(*frame, where, picture);
  return picture;
}

}  // namespace longclip
