// Package smallfile reads files that hold a key or a URL. It imports none of the exporter's
// packages.
package smallfile

import (
	"fmt"
	"io"
	"os"
)

// Max is the largest size of a file, in bytes: much larger than any key or URL, but small
// enough to do no harm if somebody names the wrong file.
const Max = 64 << 10

// Read returns the content of a file, and the file's info at that time. The error names the
// file and never contains the content.
func Read(name string) (content string, info os.FileInfo, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	// That of the open file, not of the path, as the file can be replaced meanwhile.
	if info, err = file.Stat(); err != nil {
		return "", nil, err
	}
	all, err := io.ReadAll(io.LimitReader(file, Max+1))
	switch {
	case err != nil:
		return "", nil, err
	case len(all) > Max:
		return "", nil, fmt.Errorf("%s: longer than %d bytes, is it the right file?", name, Max)
	}
	return string(all), info, nil
}
