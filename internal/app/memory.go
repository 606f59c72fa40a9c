package app

import (
	"log/slog"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShare is the part of the container's memory that Go can use. The rest is for the
// kernel's socket buffers, the pages of the program and of the state file, and moments in
// which the garbage collector does not keep up.
const memoryShare = 0.75

// garbagePercent is how much garbage Go keeps before it collects, in percent of the memory
// in use. Go's own default is 100, that of Prometheus 75: less memory for little CPU time.
const garbagePercent = 75

// LimitMemory sets how much garbage Go keeps, and its memory limit to that of the process's
// cgroup. GOGC and GOMEMLIMIT take precedence.
func LimitMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit, ok := cgroupMemory("/")
	if !ok {
		return
	}
	share := int64(float64(limit) * memoryShare)
	debug.SetMemoryLimit(share)
	log.Debug("Memory is limited", "cgroup_bytes", limit, "go_bytes", share)
}

// cgroupMemory returns the lowest memory limit of the cgroups that the process is in,
// of version 1 or 2, from the files below root. It returns false if there is none.
func cgroupMemory(root string) (limit int64, ok bool) {
	content, err := os.ReadFile(filepath.Join(root, "proc", "self", "cgroup"))
	if err != nil { // not Linux
		return 0, false
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(content)) {
		// Such as 0::/kubepods/pod1/container2 and 9:memory:/docker/3.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch parts[1] {
		case "":
		case "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// Inside a container its own group is at the mount, whatever the path says.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			limit = min(limit, limitIn(filepath.Join(root, mount, group, file)))
			if group == "/" {
				break
			}
		}
	}
	// Version 1 says "no limit" with a number near the largest.
	return limit, limit < 1<<60
}

// limitIn reads one limit. It returns the largest number if there is none.
func limitIn(file string) int64 {
	content, err := os.ReadFile(file)
	if err != nil {
		return math.MaxInt64
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil || limit <= 0 { // "max"
		return math.MaxInt64
	}
	return limit
}
