// How wide the kernels of one numeric dimension are.
#pragma once

#include <cstddef>
#include <span>

namespace lehr {

// Optuna 5's rule for TPE (endpoints off, magic clip on): the deviation of a kernel is the larger of the
// distances to its neighbours, where the outermost observations look inwards only and a lone one looks at
// both ends of the domain; clipped to [1 / min(100, n + 2), 1]. The clip from below follows Bergstra et al.
// 2011. positions: ascending, on the domain scaled to [0, 1].
void bandwidths(std::span<const double> positions, std::span<double> out);

}  // namespace lehr
