// tests/src/image/encode_picture.cpp -- a PNG writer of 20 lines on zlib, and libjpeg's compressor.

#include "encode_picture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>
#include <zlib.h>

#include "base/error.h"
#include "base/random.h"

namespace longclip::test {
namespace {

std::string big_endian32(uint64_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

}  // namespace

std::string deflate_all(const std::string& data) {
  uLongf size = compressBound(data.size());
  std::string out(size, '\0');
  const int result =
      compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(data.data()), data.size());
  require<std::runtime_error>(result == Z_OK, "zlib: {}", result);
  out.resize(size);
  return out;
}

std::string deflated_zeros(int megabytes) {
  const std::string zeros(1 << 20, '\0');
  std::string piece(1 << 14, '\0');
  z_stream stream{};
  require<std::runtime_error>(deflateInit(&stream, 9) == Z_OK, "zlib could not be started");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(piece.data());
  stream.avail_out = static_cast<uInt>(piece.size());
  const int result = deflate(&stream, Z_FULL_FLUSH);  // what follows does not look back
  require<std::runtime_error>(result == Z_OK && stream.avail_in == 0, "zlib: {}", result);
  piece.resize(piece.size() - stream.avail_out);
  deflateEnd(&stream);
  std::string out = piece.substr(0, 2);  // zlib's header
  for (int i = 0; i < megabytes; ++i) out += piece.substr(2);
  return out;
}

std::string png_chunk(const std::string& name, const std::string& data) {
  const std::string body = name + data;
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian32(data.size()) + body + big_endian32(checksum);
}

std::string png_of_stream(const PngLayout& layout, const std::string& stream, const std::string& before_pixels,
                          const std::string& behind_pixels) {
  const std::string header = big_endian32(layout.width) + big_endian32(layout.height) +
                             static_cast<char>(layout.depth) + static_cast<char>(layout.color_type) +
                             std::string(2, '\0') + static_cast<char>(layout.interlaced ? 1 : 0);
  return "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", header) + before_pixels + png_chunk("IDAT", stream) + behind_pixels +
         png_chunk("IEND", "");
}

std::string encode_png(const PngLayout& layout, const std::string& rows, const std::string& before_pixels) {
  const size_t row_bytes = rows.size() / layout.height;
  std::string filtered;
  for (uint32_t y = 0; y < layout.height; ++y) filtered += '\0' + rows.substr(y * row_bytes, row_bytes);
  return png_of_stream(layout, deflate_all(filtered), before_pixels);
}

std::string encode_jpeg(int width, int height, int channels, const std::vector<uint8_t>& bytes, bool progressive) {
  jpeg_compress_struct cinfo{};
  jpeg_error_mgr errors{};
  cinfo.err = jpeg_std_error(&errors);
  jpeg_create_compress(&cinfo);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&cinfo, &memory, &size);
  cinfo.image_width = static_cast<JDIMENSION>(width);
  cinfo.image_height = static_cast<JDIMENSION>(height);
  cinfo.input_components = channels;
  cinfo.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&cinfo);
  jpeg_set_quality(&cinfo, 90, TRUE);
  if (progressive) jpeg_simple_progression(&cinfo);
  jpeg_start_compress(&cinfo, TRUE);
  std::vector<uint8_t> row(static_cast<size_t>(width * channels));
  while (cinfo.next_scanline < cinfo.image_height) {
    std::copy_n(bytes.data() + size_t{cinfo.next_scanline} * row.size(), row.size(), row.data());
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&cinfo, &pointer, 1);
  }
  jpeg_finish_compress(&cinfo);
  std::string file(reinterpret_cast<const char*>(memory), size);
  jpeg_destroy_compress(&cinfo);
  std::free(memory);
  return file;
}

std::vector<uint8_t> random_bytes(size_t count, uint64_t key) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(mix_keys(key, i));
  return bytes;
}

}  // namespace longclip::test
