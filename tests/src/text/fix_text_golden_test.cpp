// tests/src/text/fix_text_golden_test.cpp -- text/fix_text.h against ftfy's own test cases (tests/test_cases/*.json).
#include "text/fix_text.h"

#include <iostream>

#include "base/file.h"
#include "base/json.h"
#include "support/reference_data.h"
#include "text/code_points.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("fix_text: repairs what ftfy's own test cases say it repairs", "[text][golden]") {
  const auto folder = test::data_dir();
  if (!folder) return test::say_skipped("ftfy's own test cases", "data/text/ftfy");
  size_t checked = 0;
  size_t known_failures = 0;
  const auto names = {"in-the-wild.json", "known-failures.json", "language-names.json", "negative.json",
                      "synthetic.json"};
  for (const char* name : names) {
    const auto path = *folder / "text" / "ftfy" / name;
    for (const Json& test_case : parse_json(read_file(path), path.string())) {
      if (test_case.at("expect").get<std::string>() != "pass") {
        ++known_failures;  // what ftfy's authors would like; CLIP gets what ftfy gives
        continue;
      }
      const auto original = test_case.at("original").get<std::string>();
      CAPTURE(name, original);
      CHECK(encode_utf8(fix_text(decode_utf8(original))) == test_case.at("fixed").get<std::string>());
      ++checked;
    }
  }
  std::cout << "ftfy's own cases: " << checked << " checked; " << known_failures
            << " that ftfy itself counts as failures left out\n";
  CHECK(checked > 0);
}

}  // namespace longclip
