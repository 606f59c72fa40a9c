package late

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	m.Run()
	fmt.Println("a goroutine was left behind")
	os.Exit(1)
}

func TestFine(t *testing.T) {}
