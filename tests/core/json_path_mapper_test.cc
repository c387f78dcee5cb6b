#include "core/map/json_path_mapper.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace streamview {
namespace {

// As ToDisplay, but with all of a long text.
std::string Show(const ValueView& v) {
  return v.type() == ValueType::kText ? "'" + std::string(v.bytes()) + "'" : ToDisplay(v);
}

// Keeps the rows as text: "'cat' -> 'hawaii'".
class RowList : public Emitter {
 public:
  Status Emit(std::span<const ValueView> row) override {
    if (rows.size() == limit) return Status::Constraint("too many rows");
    EXPECT_EQ(row.size(), 2u);
    rows.push_back(Show(row[0]) + " -> " + Show(row[1]));
    return Status::Ok();
  }

  size_t limit = 1000;
  std::vector<std::string> rows;
};

Result<std::unique_ptr<Mapper>> NewMapper(const std::string& emit, const std::string& value) {
  ViewDefinition definition;
  definition.name = "v";
  definition.emit_path = emit;
  definition.value_path = value;
  definition.columns = {"key", "value"};
  return NewJsonPathMapper(definition);
}

using Rows = std::vector<std::string>;

// What a view emits for one entry, or the error as its only row.
Rows Map(const std::string& emit, const std::string& value_path, const ValueView& value) {
  Result<std::unique_ptr<Mapper>> mapper = NewMapper(emit, value_path);
  if (!mapper.ok()) return {"error: " + mapper.status().message()};
  Entry entry;
  entry.seq = 1;
  entry.value = value;
  RowList list;
  const Status status = (*mapper)->Map(entry, list);
  if (!status.ok()) return {"error: " + status.message()};
  return list.rows;
}

Rows Map(const std::string& emit, std::string_view json) {
  return Map(emit, "", ValueView::Text(json));
}

TEST(JsonPathMapperTest, EmitsOneRowPerMatch) {
  const auto json = ValueView::Text(R"({"location":"hawaii","tags":["cat","black","tail"]})");
  EXPECT_EQ(Map("$.tags[*]", "$.location", json),
            (Rows{"'cat' -> 'hawaii'", "'black' -> 'hawaii'", "'tail' -> 'hawaii'"}));
}

TEST(JsonPathMapperTest, StepsLeadWhereTheySay) {
  const char* const json = R"({"a":{"b":[10,[20,21],{"c":30}]},"":1,"*":2,"x.y":3})";
  EXPECT_EQ(Map("$.a.b[0]", json), Rows{"10 -> NULL"});
  EXPECT_EQ(Map("$.a.b[1][#-1]", json), Rows{"21 -> NULL"});
  EXPECT_EQ(Map("$.a.b[#-1].c", json), Rows{"30 -> NULL"});
  EXPECT_EQ(Map("$.a.b[#-3]", json), Rows{"10 -> NULL"});
  EXPECT_EQ(Map("$.\"\"", json), Rows{"1 -> NULL"});
  EXPECT_EQ(Map("$.\"*\"", json), Rows{"2 -> NULL"});
  EXPECT_EQ(Map("$.\"x.y\"", json), Rows{"3 -> NULL"});
}

TEST(JsonPathMapperTest, WildcardsNest) {
  const char* const json = R"([{"t":[1,2]},{"u":0},7,{"t":[]},{"t":[3],"t":[4]}])";
  EXPECT_EQ(Map("$[*].t[*]", json), (Rows{"1 -> NULL", "2 -> NULL", "3 -> NULL"}));
  EXPECT_EQ(Map("$[*].*[0]", json), (Rows{"1 -> NULL", "3 -> NULL", "4 -> NULL"}));
  EXPECT_EQ(Map("$[*].*", json), (Rows{"'[1,2]' -> NULL", "0 -> NULL", "'[]' -> NULL",
                                       "'[3]' -> NULL", "'[4]' -> NULL"}));
  EXPECT_EQ(Map("$[*][*]", "[[1,[2]],[],{},[3]]"),
            (Rows{"1 -> NULL", "'[2]' -> NULL", "3 -> NULL"}));
}

TEST(JsonPathMapperTest, WhatIsMissingEmitsNothing) {
  const char* const json = R"({"a":[1,2],"b":"text","c":{}})";
  for (const char* path : {"$.x", "$.a.x", "$.a[2]", "$.a[#-3]", "$.a[#-0]", "$.b[*]", "$.b.*",
                           "$.b[0]", "$.c[*]", "$.c.*", "$.a.*", "$[0]", "$[*]"}) {
    EXPECT_EQ(Map(path, json), Rows{}) << path;
  }
}

TEST(JsonPathMapperTest, TheFirstOfSeveralMembersOfANameCounts) {
  EXPECT_EQ(Map("$.a", R"({"a":1,"a":2})"), Rows{"1 -> NULL"});
  EXPECT_EQ(Map("$.a.b", R"({"a":{},"a":{"b":2}})"), Rows{});
}

TEST(JsonPathMapperTest, NamesAreComparedUnescaped) {
  EXPECT_EQ(Map("$.größe", R"({"gr\u00f6\u00dfe":1})"), Rows{"1 -> NULL"});
}

TEST(JsonPathMapperTest, ValuesHaveSqlitesTypes) {
  const char* const json =
      R"([null,true,false,0,-0,-9223372036854775808,9223372036854775807,1.0,1e3,"","a\n\u0041\ud83d\ude00"])";
  EXPECT_EQ(Map("$[*]", json),
            (Rows{"NULL -> NULL", "1 -> NULL", "0 -> NULL", "0 -> NULL", "0 -> NULL",
                  "-9223372036854775808 -> NULL", "9223372036854775807 -> NULL", "1.0 -> NULL",
                  "1000.0 -> NULL", "'' -> NULL", "'a\nA😀' -> NULL"}));
}

TEST(JsonPathMapperTest, ScalarDocumentsAreMatchedByDollar) {
  EXPECT_EQ(Map("$", " 42 "), Rows{"42 -> NULL"});
  EXPECT_EQ(Map("$", "\"cat\""), Rows{"'cat' -> NULL"});
  EXPECT_EQ(Map("$", "null"), Rows{"NULL -> NULL"});
  EXPECT_EQ(Map("$", "18446744073709551616"), Rows{"1.84467440737096e+19 -> NULL"});
  EXPECT_EQ(Map("$.a", "42"), Rows{});
}

TEST(JsonPathMapperTest, ObjectsAndArraysAreTheirTextWithoutWhiteSpace) {
  const char* const json = " { \"a\" : [ 1.10 , 1e5 , \"\\u0041 b\" , { } , [ ] ] } ";
  EXPECT_EQ(Map("$", json), Rows{R"('{"a":[1.10,1e5,"\u0041 b",{},[]]}' -> NULL)"});
  EXPECT_EQ(Map("$.a", json), Rows{R"('[1.10,1e5,"\u0041 b",{},[]]' -> NULL)"});
  EXPECT_EQ(Map("$.a[3]", json), Rows{"'{}' -> NULL"});
  EXPECT_EQ(Map("$.a[4]", json), Rows{"'[]' -> NULL"});
}

TEST(JsonPathMapperTest, TheValueMayBeAnObjectAndTheKeyToo) {
  const auto json =
      ValueView::Text(R"({"k":[[1],{"x":"y"}],"v":{"long enough to need the heap":[1, 2]}})");
  EXPECT_EQ(Map("$.k[*]", "$.v", json),
            (Rows{R"('[1]' -> '{"long enough to need the heap":[1,2]}')",
                  R"('{"x":"y"}' -> '{"long enough to need the heap":[1,2]}')"}));
}

TEST(JsonPathMapperTest, TheValueIsNullWhereItsPathFindsNothing) {
  EXPECT_EQ(Map("$[*]", "$.v", ValueView::Text("[1]")), Rows{"1 -> NULL"});
  EXPECT_EQ(Map("$[*]", "$[1]", ValueView::Text("[1,null]")), (Rows{"1 -> NULL", "NULL -> NULL"}));
}

TEST(JsonPathMapperTest, IntegersBeyondInt64AreReal) {
  const char* const json =
      R"({"t":[9223372036854775808,-9223372036854775809,123456789012345678901234567890],"s":"9"})";
  EXPECT_EQ(Map("$.t[0]", json), Rows{"9.22337203685478e+18 -> NULL"});
  EXPECT_EQ(Map("$.t[1]", json), Rows{"-9.22337203685478e+18 -> NULL"});
  EXPECT_EQ(Map("$.t[2]", json).size(), 1u);
  EXPECT_EQ(Map("$.s", json), Rows{"'9' -> NULL"});
  EXPECT_EQ(
      Map("$.t", json),
      Rows{"'[9223372036854775808,-9223372036854775809,123456789012345678901234567890]' -> NULL"});
}

std::vector<double> RealsOf(const std::string& array) {
  Result<std::unique_ptr<Mapper>> mapper = NewMapper("$[*]", "");
  EXPECT_TRUE(mapper.ok());
  struct : Emitter {
    Status Emit(std::span<const ValueView> row) override {
      reals.push_back(row[0].real());
      return Status::Ok();
    }
    std::vector<double> reals;
  } emitter;
  Entry entry;
  entry.value = ValueView::Text(array);
  EXPECT_TRUE((*mapper)->Map(entry, emitter).ok());
  return emitter.reals;
}

TEST(JsonPathMapperTest, NumbersBeyondDoubleAreInfinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(RealsOf("[1e400, -1e400, 1e-400, 123456789012345678901234567890]"),
            (std::vector<double>{kInfinity, -kInfinity, 0, 123456789012345678901234567890.0}));
  EXPECT_EQ(RealsOf("[0.1234567890123456789012e400, -0.1234567890123456789012e400]"),
            (std::vector<double>{kInfinity, -kInfinity}));
  EXPECT_EQ(RealsOf("[0.1234567890123456789012e-400, 1.0e-400]"), (std::vector<double>{0, 0}));
}

TEST(JsonPathMapperTest, NumbersOfManyDigitsAreReadToTheLastBit) {
  EXPECT_EQ(RealsOf("[0.00747119390000000000369858334, 0.1234567890123456789012,"
                    " -0.99999999999999999999999, 0.00000000000000000000000123456789012345678901,"
                    " 12345.678901234567890123456, 0.30000000000000004, 5e-324, 1.5E+3, -0.5]"),
            (std::vector<double>{
                0.00747119390000000000369858334, 0.1234567890123456789012,
                -0.99999999999999999999999, 0.00000000000000000000000123456789012345678901,
                12345.678901234567890123456, 0.30000000000000004, 5e-324, 1500, -0.5}));
}

TEST(JsonPathMapperTest, HugeNumbersDoNotHideThatADocumentIsNotJson) {
  for (const char* json : {
           "[123456789012345678901234567890",
           "[123456789012345678901234567890 1]",
           "[123456789012345678901234567890, 01]",
           "[123456789012345678901234567890, 1.]",
           "[123456789012345678901234567890, 1e]",
           "[123456789012345678901234567890, -]",
           "[123456789012345678901234567890, 1.5.5]",
           "[123456789012345678901234567890, +1]",
           "[123456789012345678901234567890, 1x]",
           "[123456789012345678901234567890, x1]",
           "[123456789012345678901234567890, \"a\\\"]",
           "[123456789012345678901234567890, \"\\9\"]",
       }) {
    const Rows rows = Map("$[*]", json);
    ASSERT_EQ(rows.size(), 1u) << json;
    EXPECT_EQ(rows[0].rfind("error: not JSON: ", 0), 0u) << json << " gave " << rows[0];
  }
}

TEST(JsonPathMapperTest, DigitsInStringsAreNotNumbers) {
  EXPECT_EQ(Map("$[*]", R"([123456789012345678901234567890, "1\"2", "\\", 3])").size(), 4u);
  EXPECT_EQ(Map("$[1]", R"([123456789012345678901234567890, "1\"2", "\\", 3])"),
            Rows{"'1\"2' -> NULL"});
}

TEST(JsonPathMapperTest, NumericEntriesAreJsonScalars) {
  EXPECT_EQ(Map("$", "$", ValueView::Integer(42)), Rows{"42 -> 42"});
  EXPECT_EQ(Map("$", "", ValueView::Real(1.5)), Rows{"1.5 -> NULL"});
  EXPECT_EQ(Map("$", "$.v", ValueView::Integer(42)), Rows{"42 -> NULL"});
  EXPECT_EQ(Map("$.a", "$", ValueView::Integer(42)), Rows{});
}

TEST(JsonPathMapperTest, NullEntriesEmitNothing) {
  EXPECT_EQ(Map("$", "", ValueView::Null()), Rows{});
}

TEST(JsonPathMapperTest, BlobsAreAnError) {
  EXPECT_EQ(Map("$", "", ValueView::Blob("{}")), Rows{"error: JSON cannot hold BLOB values"});
}

TEST(JsonPathMapperTest, ABrokenDocumentIsAnErrorWhereverItIsBroken) {
  EXPECT_EQ(Map("$.a", R"({"a":1,"b":tru})")[0].rfind("error: not JSON: ", 0), 0u);
  EXPECT_EQ(Map("$.a", R"({"a":1} x)")[0].rfind("error: not JSON: ", 0), 0u);
  EXPECT_EQ(Map("$.a", R"({"a":1,)")[0].rfind("error: not JSON: ", 0), 0u);
  EXPECT_EQ(Map("$[0]", "1],[2")[0].rfind("error: not JSON: ", 0), 0u);
  EXPECT_EQ(Map("$", ""), Rows{"error: not JSON: Empty: no JSON found"});
  EXPECT_EQ(Map("$", "\"\xff\""), Rows{"error: not JSON: The input is not valid UTF-8"});
}

std::string Nested(size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); }

TEST(JsonPathMapperTest, DocumentsMayNestUpToTheLimit) {
  std::string innermost = "$";
  for (int i = 0; i < 1023; ++i) innermost += "[0]";
  EXPECT_EQ(Map(innermost, Nested(1023)), Rows{"1 -> NULL"});
  EXPECT_EQ(Map("$", Nested(1023)), Rows{"'" + Nested(1023) + "' -> NULL"});
  EXPECT_EQ(
      Map("$", Nested(1024)),
      Rows{"error: not JSON: The JSON document was too deep (too many nested objects and arrays)"});
}

TEST(JsonPathMapperTest, OneMapperTakesDocumentsOfAllSizesAndSurvivesErrors) {
  Result<std::unique_ptr<Mapper>> mapper = NewMapper("$.k", "$.v");
  ASSERT_TRUE(mapper.ok());
  for (const size_t size : {10, 100'000, 5, 8'000, 300'000}) {
    Entry entry;
    RowList bad;
    entry.value = ValueView::Text("{\"k\":");
    EXPECT_FALSE((*mapper)->Map(entry, bad).ok());

    const std::string json = R"({"pad":")" + std::string(size, 'x') + R"(","k":)" +
                             std::to_string(size) + R"(,"v":"value"})";
    entry.value = ValueView::Text(json);
    RowList good;
    ASSERT_TRUE((*mapper)->Map(entry, good).ok());
    EXPECT_EQ(good.rows, Rows{std::to_string(size) + " -> 'value'"});
  }
}

TEST(JsonPathMapperTest, AnErrorOfTheEmitterIsReturnedUnchanged) {
  Result<std::unique_ptr<Mapper>> mapper = NewMapper("$[*]", "");
  ASSERT_TRUE(mapper.ok());
  RowList list;
  list.limit = 2;
  Entry entry;
  entry.value = ValueView::Text("[1,2,3]");
  const Status status = (*mapper)->Map(entry, list);
  EXPECT_EQ(status.code(), StatusCode::kConstraint);
  EXPECT_EQ(status.message(), "too many rows");
}

TEST(JsonPathMapperTest, BadPathsAreRefusedAtCreation) {
  EXPECT_EQ(NewMapper("$[", "").status().message(),
            "JSON path '$[', position 3: expected a number, '*' or '#-', found the end");
  EXPECT_EQ(NewMapper("$", "v").status().message(),
            "JSON path 'v', position 1: expected '$', found 'v'");
  EXPECT_EQ(NewMapper("$", "$.a[*]").status().message(),
            "JSON path '$.a[*]' of the value: it must lead to one value, without a wildcard");
}

}  // namespace
}  // namespace streamview
