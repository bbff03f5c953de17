// Wordclock prints the time the way people say it: "ten to four".
package main

import (
	"fmt"
	"os"
	"time"
)

var numbers = []string{
	"twelve", "one", "two", "three", "four", "five",
	"six", "seven", "eight", "nine", "ten", "eleven",
}

var steps = map[int]string{
	5: "five", 10: "ten", 15: "a quarter", 20: "twenty", 25: "twenty-five", 30: "half",
}

// Say rounds to the nearest five minutes.
func Say(hour, minute int) string {
	rounded := (minute + 2) / 5 * 5
	switch {
	case rounded == 0:
		return numbers[hour%12] + " o'clock"
	case rounded == 60:
		return numbers[(hour+1)%12] + " o'clock"
	case rounded <= 30:
		return steps[rounded] + " past " + numbers[hour%12]
	default:
		return steps[60-rounded] + " to " + numbers[(hour+1)%12]
	}
}

func main() {
	now := time.Now()
	if len(os.Args) > 1 {
		parsed, err := time.Parse("15:04", os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, "wordclock: give the time as HH:MM, like 15:50")
			os.Exit(2)
		}
		now = parsed
	}
	fmt.Println(Say(now.Hour(), now.Minute()))
}
