// One helper process: started, told to import, given one trial at a time, ended with everything below it.
//
// All of it happens on the supervisor's thread; other threads see pid() and alive() only.
#pragma once

#include <poll.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lehr/supervise/answer.hpp"
#include "lehr/supervise/kernel_log.hpp"
#include "lehr/supervise/launch.hpp"
#include "lehr/supervise/observed.hpp"
#include "lehr/supervise/socket.hpp"
#include "lehr/supervise/trial.hpp"

namespace lehr::supervise {

struct HelperSpec {
  std::vector<std::string>
      arguments;  // the interpreter and what it runs; it finds its socket at descriptor 3
  std::vector<std::string> environment;  // NAME=value
  std::string marker;            // the entry of the environment that only this helper's processes have
  std::string setup;             // its first command, a whole frame
  double start_limit_s = 120.0;  // for its imports
};

// A command as the helper reads it: a length, then a JSON object.
std::string command_frame(const std::string& json);

using News = std::shared_ptr<Answer<HelperNews>>;

class Helper {
 public:
  Helper(HelperSpec spec, os::Descriptor log, News started);

  int pid() const noexcept { return pid_; }
  bool alive() const noexcept { return alive_; }

  void launch(double now);
  void run(std::unique_ptr<Trial> trial, std::string command, KernelLog& log, double now);
  void warm(std::string command, News answer, double now);
  void stop(News answer, double now);
  // Kills it and what is below it, because nothing can be trusted any more.
  void give_up(const std::string& why, double now) { lose("given up: " + why, now); }
  bool gone() const noexcept { return phase_ == Phase::gone; }

  void add_to(std::vector<pollfd>& polled) const;
  void on_event(const pollfd& event, KernelLog& log, double now);
  double due() const;
  void tick(KernelLog& log, double now);

 private:
  // leaving: told to go, dying: its socket is closed and its process not yet, sweeping: dead, what it left is
  // killed
  enum class Phase { made, busy_importing, idle, running, leaving, dying, sweeping, gone };

  void read_socket(KernelLog& log, double now);
  void obey(Socket::Received message, KernelLog& log, double now);
  void on_exit(KernelLog& log, double now);
  void lose(std::string how, double now);  // it is dead or of no use: kill it and what is below it
  void sweep(KernelLog& log);
  void end(KernelLog& log, double now);
  void end_trial(Death death, KernelLog& log, double now);
  std::string last_line() const;

  HelperSpec spec_;
  os::Descriptor log_;
  os::Descriptor pidfd_;
  Socket socket_;
  Phase phase_ = Phase::made;
  Death death_;
  News waiting_;  // for the end of an import
  std::vector<News> stopping_;
  std::unique_ptr<Trial> trial_;
  std::vector<os::Process> victims_;
  double phase_due_ = 0, give_up_ = 0;
  std::atomic<int> pid_{0};
  std::atomic<bool> alive_{false};
};

}  // namespace lehr::supervise
