#pragma once
// train/commands/commands.h -- the subcommands of `longclip`: each adds itself to the command line, and runs when chosen.

#include <functional>

namespace CLI {
class App;
}

namespace longclip {

/// Registers one subcommand. When it was chosen, `run` is set to what it does; the return value is the exit code.
using Run = std::function<int()>;
using AddCommand = void (*)(CLI::App& app, Run& run);

void add_init_command(CLI::App& app, Run& run);
void add_stretch_command(CLI::App& app, Run& run);
void add_prepare_command(CLI::App& app, Run& run);
void add_train_command(CLI::App& app, Run& run);
void add_launch_command(CLI::App& app, Run& run);
void add_eval_command(CLI::App& app, Run& run);
void add_encode_command(CLI::App& app, Run& run);
void add_search_command(CLI::App& app, Run& run);
void add_tokenize_command(CLI::App& app, Run& run);
void add_export_command(CLI::App& app, Run& run);
void add_interpolate_command(CLI::App& app, Run& run);
void add_inspect_command(CLI::App& app, Run& run);
void add_demo_command(CLI::App& app, Run& run);

// Subcommands of `longclip eval`.
void add_eval_retrieval_command(CLI::App& eval, Run& run);
void add_eval_zeroshot_command(CLI::App& eval, Run& run);
void add_eval_himo_command(CLI::App& eval, Run& run);

}  // namespace longclip
