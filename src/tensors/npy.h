#pragma once
// tensors/npy.h -- NumPy's .npy files of one float32 matrix.
// Source: numpy, lib/format.py, version 1.0 of the format.

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace longclip {

/// Writes a float32 matrix [N, E], little-endian, rows one after the other; all or nothing. Any device and strides.
/// Throws ShapeError for another shape or type, std::runtime_error with the system's reason.
void write_npy(const std::filesystem::path& path, const at::Tensor& matrix_NE);

/// Reads what write_npy() and numpy.save() of such an array write (versions 1.0 to 3.0). Throws DataError "PATH: ..." for
/// another type, order or number of dimensions, and for a file that is cut or longer than it says.
at::Tensor read_npy(const std::filesystem::path& path);

}  // namespace longclip
