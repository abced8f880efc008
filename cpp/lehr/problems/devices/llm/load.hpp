// Clients and what they meet: a closed loop of clients that think, ask and wait, solved as a fixed point of
// the number of sequences that run at once.
#pragma once

#include "lehr/problems/devices/llm/engine.hpp"

namespace lehr::devices::llm {

struct Load {
  double clients = 0.0;
  double think_seconds = 0.0;
};

struct Service {
  double first_token_p99_ms = 0.0;
  double inter_token_p99_ms = 0.0;
  double tokens_per_second = 0.0;  // of answers that were given
  double running = 0.0;            // sequences at once
};

Service serve(const Chip& chip, const Knobs& knobs, const Memory& memory, const Load& load);

}  // namespace lehr::devices::llm
