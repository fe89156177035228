// train/rank_processes.cpp -- fork, exec, waitpid.
#include "train/rank_processes.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"

namespace longclip {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> all;
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    const std::string entry = *inherited;
    if (!variables.contains(entry.substr(0, entry.find('=')))) all.push_back(entry);
  }
  for (const auto& [name, value] : variables) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

/// Between fork and exec: system calls only, as other threads may hold locks.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* variables, pid_t launcher) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launcher) _exit(kExitTerminated);  // it died before the line above
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (const int null = open("/dev/null", O_RDONLY); null > 0) dup2(null, STDIN_FILENO);
  execve(program, arguments, variables);
  constexpr char kMessage[] = "longclip launch: this program cannot be started again\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(kExitFailed);
}

}  // namespace

std::string RankDeath::text() const {
  return signal == 0 ? fmt::format("exit code {}", code)
                     : fmt::format("killed by signal {} ({})", signal, strsignal(signal));
}

RankProcesses::~RankProcesses() {
  send(SIGKILL);
  for (const auto& [pid, local_rank] : local_rank_of_) waitpid(pid, nullptr, 0);
}

pid_t RankProcesses::start(int64_t local_rank, const std::vector<std::string>& arguments,
                           const std::map<std::string, std::string>& variables) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = environment_with(variables);
  const std::vector<char*> word_pointers = pointers(words), variable_pointers = pointers(environment);
  const pid_t launcher = getpid();
  const pid_t child = fork();
  require<std::runtime_error>(child >= 0, "no process for rank {} of this machine: {}", local_rank, strerror(errno));
  if (child == 0) become(program.c_str(), word_pointers.data(), variable_pointers.data(), launcher);
  setpgid(child, child);  // here too: whichever of the two comes first
  local_rank_of_[child] = local_rank;
  return child;
}

std::vector<RankDeath> RankProcesses::reap() {
  std::vector<RankDeath> deaths;
  for (auto it = local_rank_of_.begin(); it != local_rank_of_.end();) {
    int status = 0;
    if (waitpid(it->first, &status, WNOHANG) != it->first) {
      ++it;
      continue;
    }
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    deaths.push_back({it->second, it->first, signal != 0 ? 128 + signal : WEXITSTATUS(status), signal});
    it = local_rank_of_.erase(it);
  }
  return deaths;
}

void RankProcesses::send(int signal) const {
  for (const auto& [pid, local_rank] : local_rank_of_) {
    if (kill(-pid, signal) != 0) kill(pid, signal);  // it may not have made its group yet
  }
}

}  // namespace longclip
