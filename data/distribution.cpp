// data/distribution.cpp -- see data/distribution.h
#include "data/distribution.h"

#include <algorithm>
#include <cmath>

namespace longclip {

int64_t Distribution::count() const {
  int64_t total = 0;
  for (const auto& [value, times] : counts_) total += times;
  return total;
}

int64_t Distribution::quantile(double share) const {
  const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(count())));
  int64_t seen = 0;
  for (const auto& [value, times] : counts_) {
    seen += times;
    if (seen >= wanted) return value;
  }
  return 0;
}

double Distribution::mean() const {
  double sum = 0;
  for (const auto& [value, times] : counts_) sum += static_cast<double>(value) * static_cast<double>(times);
  return counts_.empty() ? 0 : sum / static_cast<double>(count());
}

int64_t Distribution::above(int64_t bound) const {
  int64_t total = 0;
  for (auto entry = counts_.upper_bound(bound); entry != counts_.end(); ++entry) total += entry->second;
  return total;
}

std::vector<Distribution::Bucket> Distribution::histogram(const std::vector<int64_t>& ends) const {
  std::vector<Bucket> buckets;
  int64_t from = 0;
  for (const int64_t end : ends) {
    buckets.push_back({from, end, above(from - 1) - above(end)});
    from = end + 1;
  }
  if (max() >= from) buckets.push_back({from, max(), above(from - 1)});
  const auto is_filled = [](const Bucket& bucket) { return bucket.count > 0; };
  buckets.erase(buckets.begin(), std::ranges::find_if(buckets, is_filled));
  while (!buckets.empty() && !is_filled(buckets.back())) buckets.pop_back();
  return buckets;
}

Json to_json(const Distribution& distribution, const std::vector<int64_t>& ends) {
  Json json = {{"count", distribution.count()},
               {"min", distribution.min()},
               {"median", distribution.quantile(0.5)},
               {"mean", distribution.mean()},
               {"max", distribution.max()}};
  if (ends.empty()) return json;
  Json& histogram = json["histogram"] = Json::array();
  for (const auto& [from, to, count] : distribution.histogram(ends)) histogram.push_back({from, to, count});
  return json;
}

}  // namespace longclip
