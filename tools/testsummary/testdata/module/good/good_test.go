package good

import (
	"fmt"
	"testing"
)

func TestRows(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) { t.Log("is not shown") })
	}
}

func TestFigures(t *testing.T) {
	t.Attr("figures", "12 apples, 7 pears")
	t.Attr("colour", "is not shown")
}

func TestNeedsServer(t *testing.T) {
	t.Skip("needs postgres: not found in PATH")
}

func ExamplePrint() {
	fmt.Println("hello")
	// Output: hello
}
