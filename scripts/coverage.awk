# Reads what `llvm-cov export -format=lcov` says and prints, by file, how many lines the tests
# run; then two shares, each on a line of its own, and fails if one is below its floor.
#
# A line of a test runs itself and proves nothing, so a file counts up to its test module.
#
# Needs: root, floor_all, floor_core (percent; 0 is none).

# The line on which the test module at the end of a file begins; beyond the end if there is none.
function tests_begin(file,    line, number, before, begin) {
    begin = 1e9
    while ((getline line < file) > 0) {
        number++
        if (before == "#[cfg(test)]" && line ~ /^mod [a-z_]+ \{$/) begin = number - 1
        before = line
    }
    close(file)
    return begin
}

# Readers and collectors: what turns bytes of the kernel and the engine into samples.
function is_core(file) {
    return file ~ /^src\/(container\/|host\/|metrics\/|collect\.rs$|docker\/(types|types\/.*|life|events)\.rs$|exporter\/(engine|own|registry)\.rs$)/
}

function share(missed, lines) { return lines ? 100 * (lines - missed) / lines : 100 }

function floor(what, reached, wanted) {
    printf "%s: %.1f %% of lines (at least %d %%)\n", what, reached, wanted
    if (reached < wanted) {
        printf "coverage: %s are below their floor; write a test for what the table shows as missed\n", what > "/dev/stderr"
        failed = 1
    }
}

/^SF:/ {
    file = substr($0, 4)
    end = tests_begin(file)
    sub(root "/", "", file)
    lines = missed = 0
    where = ""
}

/^DA:/ {
    split(substr($0, 4), part, ",")
    if (part[1] >= end) next
    lines++
    if (part[2] == 0) {
        missed++
        where = where " " part[1]
    }
}

/^end_of_record/ {
    printf "%-34s %5d lines %6.1f %% %s\n", file, lines, share(missed, lines), where ? "missed:" where : ""
    all_lines += lines; all_missed += missed
    if (is_core(file)) { core_lines += lines; core_missed += missed }
}

END {
    if (!all_lines) { print "coverage: nothing was measured" > "/dev/stderr"; exit 1 }
    floor("all rooms", share(all_missed, all_lines), floor_all)
    floor("readers and collectors", share(core_missed, core_lines), floor_core)
    exit failed
}
