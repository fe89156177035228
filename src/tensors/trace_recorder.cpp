// tensors/trace_recorder.cpp -- Kineto, as torch.profiler uses it, without Python.
#include "tensors/trace_recorder.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdlib>

#include "base/file.h"

namespace longclip {

namespace profiler = torch::autograd::profiler;
namespace impl = torch::profiler::impl;

TraceRecorder::TraceRecorder(bool with_gpu) {
  const impl::ProfilerConfig config(impl::ProfilerState::KINETO, /*report_input_shapes=*/true);
  if (!with_gpu) setenv("KINETO_LOG_LEVEL", "99", /*overwrite=*/0);  // else it complains that there is no driver
  std::set<impl::ActivityType> activities{impl::ActivityType::CPU};
  if (with_gpu) activities.insert(impl::ActivityType::CUDA);
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities, {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE});
  recording_ = true;
}

TraceRecorder::~TraceRecorder() {
  if (recording_) profiler::disableProfiler();
}

void TraceRecorder::save(const std::filesystem::path& file) {
  recording_ = false;
  const auto result = profiler::disableProfiler();
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, "");  // says what is wrong with the folder; Kineto would not
  result->save(file.string());
}

}  // namespace longclip
