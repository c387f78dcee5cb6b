#!/usr/bin/tclsh
# Tcl's sqlite3: the scenario.
#
# usage: client.tcl <scenario> <extension> <database>

package require Tcl 8.6
package require sqlite3

# What the library gives for NULL.
set null "\x01NULL"

# A value, after the character that a variable's name begins with to be bound as it: @ binds a BLOB, : what the
# variable seems to be, and NULL where there is no such variable.
proc parseLiteral {text} {
    if {$text eq "NULL"} { return [list "" $::null] }
    if {[regexp {^'(.*)'$} $text -> string]} { return [list : $string] }
    if {[regexp {^X'(.*)'$} $text -> digits]} { return [list @ [binary decode hex $digits]] }
    return [list : [expr {$text}]]
}

proc parseValues {text} {
    lmap value [split [string map [list " | " \x02] $text] \x02] { parseLiteral $value }
}

# Steps are dictionaries of line, verb, sql, values, rows, and error where one is expected.
proc parseScenario {path} {
    set file [open $path]
    fconfigure $file -encoding utf-8
    set steps {}
    set number 0
    while {[gets $file line] >= 0} {
        incr number
        regexp {^(\S*) ?(.*)$} $line -> word text
        if {$word in {"#" "needs"} || $line eq ""} continue  ;# Tcl has all that could be needed
        if {[string index $line 0] ne " " && $word ni {with row error}} {
            lappend steps [dict create line $number verb $word sql $text values {} rows {}]
            continue
        }
        set step [lindex $steps end]
        switch $word {
            with { dict set step values [parseValues $text] }
            row { dict lappend step rows [lmap value [parseValues $text] { lindex $value 1 }] }
            error { dict set step error $text }
            default { dict append step sql "\n$line" }
        }
        lset steps end $step
    }
    close $file
    return $steps
}

proc connect {extension database} {
    sqlite3 db $database
    db timeout 60000
    db nullvalue $::null
    db enable_load_extension 1
    db eval {SELECT load_extension($extension)}
    db enable_load_extension 0
}

# Tcl binds variables, by name: each ? becomes one.
proc execute {sql values} {
    foreach value $values {
        lassign $value kind content
        incr n
        if {$kind eq ""} { set kind : } else { set parameter$n $content }
        regsub {\?} $sql "${kind}parameter$n" sql
    }
    set rows {}
    db eval $sql row {
        lappend rows [lmap column $row(*) { set row($column) }]
    }
    return $rows
}

proc runStatement {step} {
    set where "line [dict get $step line]: [dict get $step sql]"
    set failed [catch { execute [dict get $step sql] [dict get $step values] } result]
    if {[dict exists $step error]} {
        set expected [dict get $step error]
        if {$failed && [string first $expected $result] >= 0} return
        error "$where\nexpected error: $expected\ngot: $result"
    }
    set expected [dict get $step rows]
    if {$failed || $result ne $expected} { error "$where\nexpected: $expected\ngot: $result" }
}

proc runScenario {path extension database} {
    foreach step [parseScenario $path] {
        switch [dict get $step verb] {
            open { connect $extension $database }
            close { db close }
            begin - commit - rollback { db eval [dict get $step verb] }
            do - query { runStatement $step }
            default { error "line [dict get $step line]: unknown step [dict get $step verb]" }
        }
    }
}

if {[llength $argv] != 3} {
    puts stderr "usage: client.tcl <scenario> <extension> <database>"
    exit 2
}
runScenario {*}$argv
