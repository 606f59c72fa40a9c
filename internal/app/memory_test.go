package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCgroupMemory(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, row := range map[string]struct {
		files map[string]string
		want  int64 // 0 for no limit
	}{
		"no cgroups": {nil, 0},
		"a container with cgroup v2": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n",
		}, 128 * mib},
		"no limit with cgroup v2": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, 0},
		"a service in a slice with a lower limit": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/x.service\n",
			"sys/fs/cgroup/system.slice/x.service/memory.max": "268435456\n",
			"sys/fs/cgroup/system.slice/memory.max":           "134217728\n",
		}, 128 * mib},
		"a container with cgroup v1, under its path on the host": {map[string]string{
			"proc/self/cgroup":                           "11:cpu,cpuacct:/docker/1\n9:memory:/docker/1\n0::/docker/1\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n",
			"sys/fs/cgroup/cpu/memory.limit_in_bytes":    "1\n",
		}, 128 * mib},
		"no limit with cgroup v1": {map[string]string{
			"proc/self/cgroup": "9:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		"nonsense": {map[string]string{
			"proc/self/cgroup": "x\n0::\n", "sys/fs/cgroup/memory.max": "-1\n",
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for file, content := range row.files {
				file = filepath.Join(root, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := cgroupMemory(root)
			if ok != (row.want > 0) || ok && got != row.want {
				t.Errorf("%d, %t, want %d", got, ok, row.want)
			}
		})
	}
}
