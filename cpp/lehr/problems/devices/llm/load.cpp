#include "lehr/problems/devices/llm/load.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace lehr::devices::llm {
namespace {

// What is asked: four kinds of requests; a request that does not fit the context is refused.
struct Kind {
  double share;
  double prompt;
  double output;
  double shared;  // of the prompt, a prefix that others have too
};
constexpr std::array<Kind, 4> kinds{
    {{0.35, 256, 128, 128}, {0.40, 1024, 256, 384}, {0.20, 3072, 512, 384}, {0.05, 7168, 768, 384}}};

constexpr double bandwidth_efficiency = 0.75;
constexpr double kernels_per_layer = 11;
constexpr double launch_us = 6.0;     // at host speed 1
constexpr double replay_ms = 0.4;     // of a captured graph
constexpr double schedule_ms = 1.5;   // a step, at host speed 1
constexpr double sequence_ms = 0.02;  // a sequence and step, at host speed 1
constexpr double prefill_step_ms = 2.0;

// The requests that are accepted, in the means that the model needs.
struct Accepted {
  double share = 0.0;
  double output = 0.0;   // tokens
  double prefill = 0.0;  // seconds
  double prefill_square = 0.0;
  double held = 0.0;  // tokens in the cache, weighted by how long an answer takes
};

class Server {
 public:
  Server(const Chip& chip, const Knobs& knobs)
      : knobs_(knobs),
        flops_(product_flops(chip, knobs.weights)),
        bytes_per_second_(chip.bandwidth_gbs * 1e9 * bandwidth_efficiency),
        speed_(chip.host.speed) {
    for (const Kind& kind : kinds) {
      if (!fits(kind)) continue;
      const double seconds = prefill(kind);
      accepted_.share += kind.share;
      accepted_.output += kind.share * kind.output;
      accepted_.prefill += kind.share * seconds;
      accepted_.prefill_square += kind.share * seconds * seconds;
      accepted_.held += kind.share * kind.output * (uncached(kind) + 0.5 * kind.output);
    }
    accepted_.held /= accepted_.output;
    accepted_.output /= accepted_.share;
    accepted_.prefill /= accepted_.share;
    accepted_.prefill_square /= accepted_.share;
  }

  const Accepted& accepted() const { return accepted_; }
  bool fits(const Kind& kind) const { return kind.prompt + kind.output <= knobs_.context_length; }
  double uncached(const Kind& kind) const { return kind.prompt - (knobs_.prefix_cache ? kind.shared : 0.0); }

  // Seconds of products for a number of prompt tokens.
  double products(double tokens) const { return 2.0 * parameters * tokens / flops_; }

  // Seconds of a whole prompt, with what every step of it costs beside the products.
  double prefill(const Kind& kind) const {
    const double tokens = uncached(kind);
    return products(tokens) + steps(tokens) * (prefill_step_ms * 1e-3 + launch());
  }

  double steps(double tokens) const { return std::ceil(tokens / chunk()); }
  double chunk() const { return knobs_.max_num_batched_tokens; }

  // Seconds of a step in which `running` sequences get a token each.
  double step(double running) const {
    const double read =
        (weights_mb(knobs_.weights) * 1e6 + running * accepted_.held * kv_bytes) / bytes_per_second_;
    const double host = (schedule_ms + sequence_ms * running) * 1e-3 / speed_;
    return std::max(read, products(running)) + launch() + host;
  }

  // The longest prompt work that more than one token in a hundred waits for.
  double stall(double running, double rate) const {
    const double per_step = rate * step(running);  // requests that arrive during a step
    double hit = 0.0;                              // share of steps
    for (auto kind = kinds.rbegin(); kind != kinds.rend(); ++kind) {
      if (!fits(*kind)) continue;
      const double tokens = uncached(*kind);
      hit += kind->share / accepted_.share * per_step * steps(tokens);
      if (hit > 0.01) return products(std::min(tokens, chunk())) + prefill_step_ms * 1e-3;
    }
    return 0.0;
  }

  // Seconds to the first token of the longest prompt that one request in a hundred exceeds.
  double own_prefill(double running) const {
    const Kind* longest = nullptr;
    for (const Kind& kind : kinds) {
      if (fits(kind)) longest = &kind;
    }
    const double waiting = knobs_.chunked_prefill ? steps(uncached(*longest)) * step(running) : step(running);
    return prefill(*longest) + waiting;
  }

 private:
  double launch() const {
    return knobs_.graphs ? replay_ms * 1e-3 : layers * kernels_per_layer * launch_us * 1e-6 / speed_;
  }

  const Knobs& knobs_;
  double flops_;
  double bytes_per_second_;
  double speed_;
  Accepted accepted_;
};

// The loop at a given number of running sequences: throughput, and how many clients that takes.
struct State {
  double rate = 0.0;      // accepted requests a second
  double pace = 0.0;      // mean seconds between tokens
  double wait = 0.0;      // mean seconds in the queue of prompts (Pollaczek and Khinchine)
  double response = 0.0;  // seconds
};

State state(const Server& server, double running) {
  const Accepted& mean = server.accepted();
  State state;
  // Little's law: running = rate * output * pace, and decoding rests while prompts are read:
  // pace = step / (1 - rate * prefill).
  state.rate = running / (mean.output * server.step(running) + running * mean.prefill);
  const double busy = state.rate * mean.prefill;
  state.pace = server.step(running) / (1.0 - busy);
  state.wait = state.rate * mean.prefill_square / (2.0 * (1.0 - busy));
  state.response = state.wait + mean.prefill + mean.output * state.pace;
  return state;
}

}  // namespace

Service serve(const Chip& chip, const Knobs& knobs, const Memory& memory, const Load& load) {
  const Server server(chip, knobs);
  const Accepted& mean = server.accepted();
  const double most = std::min<double>(knobs.max_num_seqs, std::max(1.0, memory.cache_tokens / mean.held));
  const auto clients = [&](const State& at) {
    return at.rate / mean.share * load.think_seconds + at.rate * at.response;
  };
  double low = 0.0;
  double high = most;
  State at = state(server, most);
  double queue = 0.0;  // seconds until one of the sequences is free
  if (clients(at) < load.clients) {
    queue = (load.clients - clients(at)) / at.rate;
  } else {
    for (int i = 0; i < 50; ++i) {
      const double middle = 0.5 * (low + high);
      at = state(server, middle);
      (clients(at) < load.clients ? low : high) = middle;
    }
  }
  const double running = queue > 0.0 ? most : 0.5 * (low + high);
  const double busy = at.rate * mean.prefill;
  // An exponential tail: the wait exceeds t with probability busy exp(-t busy / wait).
  const double wait_p99 = busy > 0.01 ? at.wait / busy * std::log(100.0 * busy) : 0.0;
  Service service;
  service.running = running;
  service.tokens_per_second = at.rate * mean.output;
  service.first_token_p99_ms = 1e3 * (queue + wait_p99 + server.own_prefill(running));
  service.inter_token_p99_ms = 1e3 * (server.step(running) + server.stall(running, at.rate));
  return service;
}

}  // namespace lehr::devices::llm
