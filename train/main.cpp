// train/main.cpp -- the program: chooses the subcommand and turns every failure into one line and an exit code.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/version.h"
#include "train/commands/commands.h"

namespace longclip {
namespace {

int report(int code, const std::exception& error) {
  log_error("{}", error.what());
  return code;
}

/// Runs the chosen command. Exit codes: docs/structure.md and base/error.h.
int run_program(const Run& run) {
  try {
    const int code = run();
    require<std::runtime_error>(std::cout.flush().good(), "the output could not be written (disk full?)");
    return code;
  } catch (const Stopped& stopped) {
    return report(stopped.exit_code, stopped);
  } catch (const InputError& error) {
    return report(kExitBadInput, error);
  } catch (const DistError& error) {
    return report(kExitPeerLost, error);
  } catch (const std::exception& error) {
    return report(kExitFailed, error);
  }
}

int main_of(int argc, char** argv) {
  install_stop_signals();
  CLI::App app{"longclip: fine-tunes CLIP models on long captions.\n"
               "A CLIP reads 77 tokens; stretch it to 248 and train it on (picture, short caption, long caption) triples."};
  app.footer("Start with:  longclip demo            everything on a small data set that the program draws\n"
             "             longclip COMMAND --help  what a command takes\n"
             "Exit codes:  0 done, 1 failed, 2 wrong usage or input, 3 another rank was lost, 130/143 stopped and saved");
  app.set_version_flag("--version", program_version());
  app.require_subcommand(1);
  Run run;
  for (const AddCommand add : {add_init_command, add_stretch_command, add_prepare_command, add_train_command, add_launch_command, add_eval_command,
                               add_encode_command, add_search_command, add_tokenize_command, add_export_command, add_interpolate_command,
                               add_inspect_command, add_demo_command}) {
    add(app, run);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitDone : kExitBadInput;
  }
  return run_program(run);
}

}  // namespace
}  // namespace longclip

int main(int argc, char** argv) { return longclip::main_of(argc, argv); }
