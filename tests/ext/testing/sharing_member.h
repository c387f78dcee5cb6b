// The program "sharing-member": one of the processes of SharingSoakTest, which works on a database
// that it shares with others until its input ends.
//
// Its arguments are the database, a name of its own, a seed, PRAGMA synchronous, how many
// milliseconds a statement may take, and a Disturbance. It says, a line each:
//
//   committed <transaction> <entries> <marks> <events>   SQLite has acknowledged the transaction
//   refused <transaction>                                it was rolled back, or refused
//   busy <message>, failed <message>                     why a statement was refused
//   longest <milliseconds> <sql>                         no statement before has taken as long
//   ask                                                  for what a sibling has committed; the
//                                                        answer: <transaction> <marks> <events>
//   error <message>                                      something is wrong, and it ends

#pragma once

#include <string>
#include <vector>

#include "tests/ext/testing/workload.h"

namespace streamview::testing {

inline constexpr char kSharingMember[] = "sharing-member";

// What happens to the processes, and so which errors they may meet.
inline constexpr char kDisturbedByOthers[] = "others";  // some are killed, or stopped
inline constexpr char kDisturbedByDisk[] = "disk";      // it takes no more, from time to time

// The views that they share, on the log `events`.
const std::vector<Workload::View>& SharingViews();

}  // namespace streamview::testing
