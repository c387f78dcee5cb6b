#include "core/map/definition.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/core/codec_test_util.h"

namespace streamview {
namespace {

// The example of docs/format.md.
ViewDefinition ByPath() {
  ViewDefinition d;
  d.name = "view_tags2";
  d.log_name = "events";
  d.emit_path = "$.tags[*]";
  d.value_path = "$.location";
  d.columns = {"key", "value"};
  return d;
}

ViewDefinition BySql() {
  ViewDefinition d;
  d.name = "view_tags";
  d.log_name = "events";
  d.kind = MapKind::kSql;
  d.map = "SELECT 1 AS a, 2 AS b, 3 AS c";
  d.columns = {"a", "b", "c"};
  d.key_columns = 2;
  d.version = -3;
  d.on_error = OnError::kStop;
  return d;
}

ViewDefinition ByProgram() {
  ViewDefinition d = ByPath();
  d.kind = MapKind::kCustom;
  d.map = "tags";
  d.emit_path = "";
  d.value_path = "";
  return d;
}

ViewDefinition Sums() {
  ViewDefinition d = ByPath();
  d.reduce = Reduce::kSum;
  return d;
}

TEST(ViewDefinitionTest, BytesAreThoseOfTheFormat) {
  EXPECT_EQ(Hex(ByPath().Encode()),
            "01 0a 76 69 65 77 5f 74 61 67 73 32 06 65 76 65 6e 74 73 01 00 "
            "09 24 2e 74 61 67 73 5b 2a 5d 0a 24 2e 6c 6f 63 61 74 69 6f 6e "
            "02 03 6b 65 79 05 76 61 6c 75 65 01 00 00 00 00 00 00 00 00 00");
}

TEST(ViewDefinitionTest, FingerprintIsThatOfTheFormat) {
  EXPECT_EQ(ByPath().Fingerprint(), "0b770efae80efe68af912844e170ce38");
  EXPECT_EQ(Sums().Encode(), ByPath().Encode() + '\x02');
  EXPECT_EQ(Sums().Fingerprint(), "6060df89c4730ad0079c8cc165cdc15e");
}

TEST(ViewDefinitionTest, EveryFieldSurvives) {
  for (const ViewDefinition& d : {ByPath(), BySql(), ByProgram(), Sums()}) {
    const Result<ViewDefinition> decoded = ViewDefinition::Decode(d.Encode());
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(decoded->name, d.name);
    EXPECT_EQ(decoded->log_name, d.log_name);
    EXPECT_EQ(decoded->kind, d.kind);
    EXPECT_EQ(decoded->map, d.map);
    EXPECT_EQ(decoded->emit_path, d.emit_path);
    EXPECT_EQ(decoded->value_path, d.value_path);
    EXPECT_EQ(decoded->columns, d.columns);
    EXPECT_EQ(decoded->key_columns, d.key_columns);
    EXPECT_EQ(decoded->version, d.version);
    EXPECT_EQ(decoded->on_error, d.on_error);
    EXPECT_EQ(decoded->reduce, d.reduce);
  }
}

TEST(ViewDefinitionTest, FingerprintCoversEveryFieldButTheName) {
  ViewDefinition renamed = ByPath();
  renamed.name = "other";
  EXPECT_EQ(renamed.Fingerprint(), ByPath().Fingerprint());

  const auto changed = [](auto change) {
    ViewDefinition d = ByPath();
    change(d);
    return d.Fingerprint();
  };
  const std::set<std::string> fingerprints = {
      ByPath().Fingerprint(),
      changed([](ViewDefinition& d) { d.log_name = "event"; }),
      changed([](ViewDefinition& d) { d.kind = MapKind::kSql; }),
      changed([](ViewDefinition& d) { d.kind = MapKind::kCustom; }),
      changed([](ViewDefinition& d) { d.map = "SELECT 1"; }),
      changed([](ViewDefinition& d) { d.emit_path = "$.tags"; }),
      changed([](ViewDefinition& d) { d.value_path = ""; }),
      changed([](ViewDefinition& d) {
        d.columns = {"keyv", "alue"};
      }),
      changed([](ViewDefinition& d) { d.key_columns = 2; }),
      changed([](ViewDefinition& d) { d.version = 1; }),
      changed([](ViewDefinition& d) { d.on_error = OnError::kStop; }),
      changed([](ViewDefinition& d) { d.reduce = Reduce::kCount; }),
      changed([](ViewDefinition& d) { d.reduce = Reduce::kSum; }),
      changed([](ViewDefinition& d) { d.reduce = Reduce::kStats; }),
  };
  EXPECT_EQ(fingerprints.size(), 14u);
}

TEST(ViewDefinitionTest, DisplayIsTheStatementsOptions) {
  EXPECT_EQ(ByPath().ToDisplay(), "log=events, emit='$.tags[*]', value='$.location'");
  EXPECT_EQ(Sums().ToDisplay(), "log=events, emit='$.tags[*]', value='$.location', reduce='sum'");
  EXPECT_EQ(BySql().ToDisplay(),
            "log=events, map=(SELECT 1 AS a, 2 AS b, 3 AS c), keys=2, version=-3, on_error='stop'");
  EXPECT_EQ(ByProgram().ToDisplay(), "log=events, mapper=tags");
}

TEST(ViewDefinitionTest, RowColumnsAreTheMapsOrWhatIsReduced) {
  using Names = std::vector<std::string>;
  ViewDefinition d = BySql();
  EXPECT_EQ(d.RowColumns(), (Names{"a", "b", "c"}));
  d.reduce = Reduce::kCount;
  EXPECT_EQ(d.RowColumns(), (Names{"a", "b", "count"}));
  d.reduce = Reduce::kSum;
  EXPECT_EQ(d.RowColumns(), (Names{"a", "b", "sum"}));
  d.reduce = Reduce::kStats;
  EXPECT_EQ(d.RowColumns(), (Names{"a", "b", "count", "sum", "min", "max", "sumsqr"}));
}

TEST(ViewDefinitionTest, DisplayQuotesAsSqlDoes) {
  ViewDefinition d = ByPath();
  d.log_name = "my \"log\"";
  d.emit_path = "$.\"it's\"";
  d.value_path = "";
  EXPECT_EQ(d.ToDisplay(), R"(log="my ""log""", emit='$."it''s"')");
}

TEST(ViewDefinitionTest, EveryTruncationIsCorruption) {
  const std::string bytes = BySql().Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string truncated = bytes.substr(0, size);
    EXPECT_EQ(ViewDefinition::Decode(truncated).status().code(), StatusCode::kCorruption) << size;
  }
}

TEST(ViewDefinitionTest, ColumnsThatDoNotFitAreRefused) {
  const auto refusal = [](ViewDefinition d, const std::function<void(ViewDefinition&)>& change) {
    change(d);
    const Status status = d.Validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(refusal(BySql(), [](ViewDefinition& d) { d.key_columns = 0; }),
            "0 key columns among 3");
  EXPECT_EQ(refusal(BySql(), [](ViewDefinition& d) { d.key_columns = 4; }),
            "4 key columns among 3");
  EXPECT_EQ(refusal(ByProgram(), [](ViewDefinition& d) { d.columns.clear(); }),
            "1 key columns among 0");
  EXPECT_EQ(refusal(ByProgram(),
                    [](ViewDefinition& d) {
                      d.key_columns = 63;
                      d.columns.resize(70);
                    }),
            "63 key columns; at most 62 are allowed");
  EXPECT_EQ(refusal(ByPath(), [](ViewDefinition& d) { d.columns.emplace_back("more"); }),
            "a view by JSON path has 2 columns, key and value, not 3");
  EXPECT_EQ(refusal(Sums(), [](ViewDefinition& d) { d.key_columns = 2; }),
            "there is no column to reduce");
  for (const ViewDefinition& d : {ByPath(), BySql(), ByProgram(), Sums()}) {
    EXPECT_TRUE(d.Validate().ok());
  }
}

TEST(ViewDefinitionTest, DamageIsCorruption) {
  const std::string bytes = ByPath().Encode();
  EXPECT_EQ(ViewDefinition::Decode(bytes + '\0').status().message(), "view definition: bad bytes");
  EXPECT_EQ(ViewDefinition::Decode('\x02' + bytes.substr(1)).status().message(),
            "view definition: unknown version 2");

  std::string bad_enum = bytes;
  bad_enum.back() = '\x02';  // on_error
  EXPECT_EQ(ViewDefinition::Decode(bad_enum).status().message(), "view definition: bad bytes");

  std::string bad_reduce = Sums().Encode();
  bad_reduce.back() = '\x04';
  EXPECT_EQ(ViewDefinition::Decode(bad_reduce).status().message(), "view definition: bad bytes");

  ViewDefinition nothing_to_reduce = Sums();
  nothing_to_reduce.key_columns = 2;
  EXPECT_EQ(ViewDefinition::Decode(nothing_to_reduce.Encode()).status().message(),
            "view definition: there is no column to reduce");

  ViewDefinition too_many_keys = ByPath();
  too_many_keys.key_columns = 3;
  EXPECT_EQ(ViewDefinition::Decode(too_many_keys.Encode()).status().message(),
            "view definition: 3 key columns among 2");
}

}  // namespace
}  // namespace streamview
