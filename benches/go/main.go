// How such a log is read in Go: a look for the words, then a regular expression. The patterns are
// those of ../speed/rivals.rs.
//
//	rivals CORPUS LINES_FOR_COMPILING
//
// prints for each way, tab-separated: its name, nanoseconds a line (median of its rounds), and the
// events it found: received, authenticated, authorized, rejected, disconnected, forged.
//
//	rivals events LOG
//
// prints the events of a log as JSON, an object a line, for scripts/benchmark-cli.py.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"
)

const (
	stamp  = `^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):([\d.]+)\((\d+)\):`
	names  = `([0-9A-Za-z_]+)@([0-9A-Za-z_]+):\[(\d+)\]:`
	forged = "10.0.0.9"
)

var kinds = []struct{ words, pattern string }{
	{"connection received:", stamp + `.*:\[(\d+)\]:LOG:  connection received: host=(\S+) port=(\d+)`},
	{"connection authenticated:", stamp + names + `LOG:  connection authenticated: identity="([^"]*)" method=([0-9a-z-]+)`},
	{"connection authorized:", stamp + names + `LOG:  connection authorized: user=([0-9A-Za-z_]+) database=([0-9A-Za-z_]+)(?: application_name=(.*?) SSL enabled \(protocol=([^,]+), cipher=([^,]+), bits=(\d+)\))?`},
	{"FATAL:", stamp + names + `FATAL:  (.*)$`},
	{"disconnection:", stamp + names + `LOG:  disconnection: session time: ([\d:.]+) user=([0-9A-Za-z_]+) database=([0-9A-Za-z_]+) host=(\S+) port=(\d+)`},
}

// The last count is that of forged authorizations.
type counts [6]int

func read(lines []string, pattern func(kind int) *regexp.Regexp) counts {
	var found counts
	for _, line := range lines {
		for kind := range kinds {
			if !strings.Contains(line, kinds[kind].words) {
				continue
			}
			if fields := pattern(kind).FindStringSubmatch(line); fields != nil {
				if kind == 2 && fields[2] == forged {
					found[5]++
				} else {
					found[kind]++
				}
			}
			break
		}
	}
	return found
}

// What each of the regular expressions finds.
type event struct {
	Event    string `json:"event"`
	Time     string `json:"time"`
	Host     string `json:"host"`
	Port     string `json:"port"`
	User     string `json:"user,omitempty"`
	Database string `json:"database,omitempty"`
	PID      string `json:"backend_pid"`
	Rest     string `json:"rest,omitempty"`
}

func writeEvents(path string, compiled []*regexp.Regexp) error {
	log, err := os.Open(path)
	if err != nil {
		return err
	}
	defer log.Close()
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	defer out.Flush()
	objects := json.NewEncoder(out)
	lines := bufio.NewScanner(log)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		line := lines.Text()
		for kind := range kinds {
			if !strings.Contains(line, kinds[kind].words) {
				continue
			}
			if fields := compiled[kind].FindStringSubmatch(line); fields != nil {
				if err := objects.Encode(object(kind, fields)); err != nil {
					return err
				}
			}
			break
		}
	}
	return lines.Err()
}

func object(kind int, fields []string) event {
	names := []string{"received", "authenticated", "authorized", "rejected", "disconnected"}
	found := event{Event: names[kind], Time: fields[1], Host: fields[2], Port: fields[3]}
	if kind == 0 {
		found.PID = fields[4]
		return found
	}
	found.User, found.Database, found.PID, found.Rest = fields[4], fields[5], fields[6], fields[7]
	return found
}

func measure(name, path string, rounds int, pattern func(kind int) *regexp.Regexp) {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	var found counts
	times := make([]float64, rounds)
	for round := range times {
		start := time.Now()
		found = read(lines, pattern)
		times[round] = float64(time.Since(start).Nanoseconds()) / float64(len(lines))
	}
	sort.Float64s(times)
	fmt.Printf("%s\t%.1f", name, times[rounds/2])
	for _, count := range found {
		fmt.Printf("\t%d", count)
	}
	fmt.Println()
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rivals CORPUS LINES_FOR_COMPILING | rivals events LOG")
		os.Exit(2)
	}
	compiled := make([]*regexp.Regexp, len(kinds))
	for kind := range kinds {
		compiled[kind] = regexp.MustCompile(kinds[kind].pattern)
	}
	if os.Args[1] == "events" {
		if err := writeEvents(os.Args[2], compiled); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	measure("hoisted", os.Args[1], 21, func(kind int) *regexp.Regexp { return compiled[kind] })
	measure("per-call", os.Args[2], 21, func(kind int) *regexp.Regexp {
		return regexp.MustCompile(kinds[kind].pattern)
	})
}
