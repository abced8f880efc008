// Image classifiers to be deployed on a simulated device: the scenarios edge_tight and server_throughput of
// arXiv 2604.25073.
#pragma once

#include <memory>
#include <string>

#include "lehr/problems/problem.hpp"

namespace lehr {

// `chip` is a name of devices::chips().
std::shared_ptr<const Problem> edge_tight(const std::string& chip);
std::shared_ptr<const Problem> server_throughput(const std::string& chip);

}  // namespace lehr
