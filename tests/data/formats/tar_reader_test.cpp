// tests/data/formats/tar_reader_test.cpp -- data/formats/tar_reader.h
#include "data/formats/tar_reader.h"

#include "base/error.h"
#include "support/catch.h"
#include "tar_writer.h"

namespace longclip {
namespace {

using test::tar_member;

std::vector<std::string> names_in(const std::string& archive) {
  std::vector<std::string> names;
  TarReader reader(archive);
  for (TarMember member; reader.next(member);) names.push_back(member.name);
  return names;
}

TarMember only_member(const std::string& archive) {
  TarReader reader(archive);
  TarMember member;
  REQUIRE(reader.next(member));
  return member;
}

/// A size field in binary: a byte 0x80, and eleven digits of base 256.
std::string binary_size(const std::string& last_digits) {
  std::string field(12, '\0');
  field[0] = '\x80';
  return field.replace(12 - last_digits.size(), last_digits.size(), last_digits);
}

const std::string kEnd(1024, '\0');

}  // namespace

TEST_CASE("TarReader: members come with their names, data and places", "[formats][unit]") {
  const std::string archive =
      test::tar_of({{"a.txt", "hello"}, {"dir/", "", '5'}, {"link", "", '2'}, {"b", std::string(600, 'x')}});
  TarReader reader(archive);
  TarMember member;
  REQUIRE(reader.next(member));
  REQUIRE(
      (member.name == "a.txt" && member.data == "hello" && member.is_file && member.start == 0 && member.end == 1024));
  REQUIRE((reader.next(member) && !member.is_file && reader.next(member) && !member.is_file));
  REQUIRE(reader.next(member));
  REQUIRE((member.name == "b" && member.data.size() == 600 && member.start == 2048 && member.end == 2048 + 512 + 1024));
  REQUIRE(!reader.next(member));
  REQUIRE(!reader.next(member));
  REQUIRE(names_in("").empty());
  REQUIRE(names_in(tar_member({"a", "b"})) == std::vector<std::string>{"a"});  // no end mark
  REQUIRE(names_in(kEnd + "anything behind the end").empty());
}

TEST_CASE("TarReader: what stands behind the end is told, unless it is zeros", "[formats][unit]") {
  const auto has_more = [](const std::string& archive) {
    TarReader reader(archive);
    for (TarMember member; reader.next(member);) {
    }
    return reader.has_more();
  };
  const std::string one = test::tar_of({{"a.txt", "hello"}}), two = test::tar_of({{"b.txt", "hello"}});
  REQUIRE_FALSE(has_more(one));
  REQUIRE_FALSE(has_more(one + std::string(10240, '\0')));
  REQUIRE_FALSE(has_more(one.substr(0, 1024)));  // no end mark
  REQUIRE_FALSE(has_more(""));
  REQUIRE(has_more(one + two));
  REQUIRE(has_more(one + std::string(20000, '\0') + "x"));
}

TEST_CASE("TarReader: names may be long, in GNU's way, in pax's and in two parts", "[formats][unit]") {
  const std::string name(300, 'n');
  REQUIRE(only_member(tar_member({"././@LongLink", name + '\0', 'L'}) + tar_member({"nnn", "x"})).name == name);
  REQUIRE(only_member(test::pax_header({"mtime=1.5", "path=" + name}) + tar_member({"nnn", "x"})).name == name);
  REQUIRE(only_member(test::pax_header({"path=a\nb"}) + tar_member({"n", "x"})).name == "a\nb");
  std::string two_parts = tar_member({"end.txt", "x"});
  two_parts.replace(345, 5, "start");
  REQUIRE(only_member(test::with_checksum(two_parts)).name == "start/end.txt");
  REQUIRE(names_in(tar_member({"g", "18 comment=nothing\n", 'g'}) + tar_member({"a", "x"})) ==
          std::vector<std::string>{"a"});
}

TEST_CASE("TarReader: sizes in octal, in binary and in a pax header are read, and never believed", "[formats][unit]") {
  REQUIRE(only_member(tar_member({"a", "12345"}, binary_size("\x05"))).data == "12345");
  REQUIRE(only_member(tar_member({"a", "12345"}, " 5 \0")).data == "12345");
  REQUIRE(only_member(test::pax_header({"size=5"}) + tar_member({"a", "12345"}, "00000000000")).data == "12345");
  for (const std::string& size :
       {std::string("77777777777"), binary_size(std::string(8, '\xFF')), binary_size(std::string(11, '\xFF')),
        std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), std::string("-1"), std::string("99"),
        std::string("5x")}) {
    CAPTURE(size);
    REQUIRE_THROWS_AS(names_in(tar_member({"a", "12345"}, size) + kEnd), DataError);
  }
  for (const char* size : {"size=18446744073709551615", "size=99999999999999999999", "size=-1", "size=", "size=5x"}) {
    CAPTURE(size);
    REQUIRE_THROWS_AS(names_in(test::pax_header({size}) + tar_member({"a", "12345"})), DataError);
  }
}

TEST_CASE("TarReader: damage is an error with its place", "[formats][unit]") {
  const std::string archive = test::tar_of({{"a", "1"}, {"b", "2"}});
  std::string damaged = archive;
  damaged[1024] = 'c';
  REQUIRE_THROWS_WITH(names_in(damaged),
                      ContainsSubstring("the header at byte 1024 is damaged: its checksum is wrong"));
  REQUIRE_THROWS_WITH(names_in(archive.substr(0, 1500)), ContainsSubstring("cut off at byte 1500"));
  REQUIRE_THROWS_WITH(
      names_in(archive.substr(0, 1536)),
      ContainsSubstring("the archive is cut off: the data at byte 1536 have 1 bytes and their padding, 0 are left"));
  REQUIRE_THROWS_WITH(names_in(archive.substr(0, 1537)), ContainsSubstring("cut off"));
  REQUIRE_THROWS_WITH(names_in(std::string(700, 'x')), ContainsSubstring("byte 0"));
  REQUIRE_THROWS_WITH(names_in(test::pax_header({"path=x"}) + kEnd), ContainsSubstring("cut off"));
  REQUIRE_THROWS_WITH(names_in(tar_member({"s", "x", 'S'})), ContainsSubstring("sparse"));
  for (const char* record :
       {"path", "999 path=x\n", "0 path=x\n", "-3 path=x\n", "9 path=x", "99999999999999999999 path=x\n"}) {
    CAPTURE(record);
    REQUIRE_THROWS_AS(names_in(tar_member({"x", record, 'x'}) + tar_member({"a", "1"})), DataError);
  }
}

TEST_CASE("TarReader: any byte of an archive may be wrong", "[formats][unit]") {
  const std::string archive = test::pax_header({"path=long", "size=3"}) + test::tar_of({{"a.txt", "abc"}, {"b", "2"}});
  for (size_t at = 0; at < archive.size(); ++at) {
    for (const char value : {'\0', '\xFF', '9'}) {
      std::string changed = archive;
      changed[at] = value;
      try {
        names_in(changed);
      } catch (const DataError&) {  // refused is as good as read
      }
      const size_t block = at / 512 * 512;  // past the checksum too
      if (block == 0 || block == 1024 || block == 2048) {
        changed.replace(block, 512, test::with_checksum(changed.substr(block, 512)));
        try {
          names_in(changed);
        } catch (const DataError&) {
        }
      }
    }
  }
  SUCCEED("no crash");
}

}  // namespace longclip
