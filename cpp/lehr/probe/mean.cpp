#include "lehr/probe/mean.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/probe/beta.hpp"

namespace lehr::probe {
namespace {

constexpr std::size_t most_blocks = 128;
constexpr std::size_t fewest_blocks = 3;
// Joined blocks must be so many: with fewer, Student's factor grows faster than dependence shows.
constexpr std::size_t fewest_joined = 5;

}  // namespace

double student_t(double confidence, std::size_t degrees) {
  // P(|T| > t) = I_x(v / 2, 1 / 2) with x = v / (v + t^2); bisected in log t.
  const double v = static_cast<double>(degrees), wanted = std::log1p(-confidence);
  double low = -20, high = 40;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2, t = std::exp(middle);
    const bool beyond = log_incomplete_beta(v / 2, 0.5, v / (v + t * t)).below > wanted;
    (beyond ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

BlockMeans::BlockMeans(double confidence, double block_ms) : confidence_(confidence), block_ms_(block_ms) {
  if (!(confidence > 0.5 && confidence < 1)) {
    throw OptionError("the confidence of a mean must lie between 0.5 and 1");
  }
  if (!(block_ms > 0)) throw OptionError("a block must be longer than 0 ms");
  blocks_.reserve(most_blocks);
}

void BlockMeans::close() {
  blocks_.push_back(open_);
  open_ = {};
  if (blocks_.size() < most_blocks) return;
  for (std::size_t i = 0; i < most_blocks / 2; ++i) {
    const Block &first = blocks_[2 * i], &second = blocks_[2 * i + 1];
    blocks_[i] = {first.sum + second.sum, first.calls + second.calls};
  }
  blocks_.resize(most_blocks / 2);
  block_ms_ *= 2;
}

double BlockMeans::half_width() const {
  if (blocks_.size() < fewest_blocks) return std::numeric_limits<double>::infinity();
  double widest = half_width(1);
  for (std::size_t joined = 2; blocks_.size() / joined >= fewest_joined; joined *= 2) {
    widest = std::max(widest, half_width(joined));
  }
  return widest;
}

// Of blocks that are `joined` of ours each; the oldest that fill no such block are left out.
double BlockMeans::half_width(std::size_t joined) const {
  const std::size_t count = blocks_.size() / joined, skipped = blocks_.size() % joined;
  const auto block = [&](std::size_t number) {
    Block whole;
    for (std::size_t i = 0; i < joined; ++i) {
      const Block& part = blocks_[skipped + number * joined + i];
      whole.sum += part.sum;
      whole.calls += part.calls;
    }
    return whole;
  };
  Block total;
  for (std::size_t i = 0; i < count; ++i) {
    const Block one = block(i);
    total.sum += one.sum;
    total.calls += one.calls;
  }
  const double mean = total.sum / total.calls, n = static_cast<double>(count);
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Block one = block(i);
    const double residual = one.sum - mean * one.calls;
    squares += residual * residual;
  }
  // Of a ratio of means: Cochran, Sampling Techniques, 3rd edition, section 6.4.
  const double error = std::sqrt(squares / (n - 1) / n) / (total.calls / n);
  return student_t(confidence_, count - 1) * error / mean;
}

}  // namespace lehr::probe
