/* SPDX-License-Identifier: BSD-2-Clause
 * Progress on standard error. A JSON line is an object with "event": "start", "progress", "done", "skip",
 * "warning", "error" or "end". */
#include "progress.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** Length of the well-formed UTF-8 character at s, or 0. Overlong forms and surrogates are not well-formed. */
static int utf8_length(const unsigned char *s) {
    int length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 0;
    if (s[0] >= 0xf0 && s[0] <= 0xf4) length = 4;
    for (int i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0;
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return length;
}

/** Writes `"key":"text"`. A file name's bytes need not be UTF-8: those that are not become U+FFFD. */
static void json_string(const char *key, const char *text) {
    (void)fprintf(stderr, "\"%s\":\"", key);
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        int length = utf8_length(s);
        if (length == 0)
            (void)fputs("\\ufffd", stderr);
        else if (*s < 0x20 || *s == 0x7f)
            (void)fprintf(stderr, "\\u%04x", *s);
        else if (*s == '"' || *s == '\\')
            (void)fprintf(stderr, "\\%c", *s);
        else
            (void)fwrite(s, 1, (size_t)length, stderr);
        s += length > 0 ? length : 1;
    }
    (void)fputc('"', stderr);
}

static void json_head(const progress *p, const char *event) {
    (void)fprintf(stderr, "{\"event\":\"%s\",\"index\":%zu,\"count\":%zu,", event, p->index, p->count);
    json_string("input", p->job->input);
}

/** Writes text for a terminal; a control character in a file's name must not reach it. */
static void plain(const char *text) {
    for (; *text != '\0'; text++) (void)fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stderr);
}

static const char *shown_name(const char *path) { return strcmp(path, "-") == 0 ? "standard input" : path; }

/** The terminal cuts what is too long for its line: from a second line the bar could not come back to the first. */
static void draw_bar(const progress *p, double fraction) {
    static const char full[] = "##############################";
    int width = (int)sizeof full - 1, filled = (int)(fraction * width + 0.5);
    (void)fprintf(stderr, "\033[?7l\r[%.*s%*s] %3d%%", filled, full, width - filled, "", (int)(fraction * 100.0 + 0.5));
    if (p->count > 1) (void)fprintf(stderr, "  %zu/%zu", p->index, p->count);
    (void)fputs("  ", stderr);
    plain(shown_name(p->job->input));
    (void)fputs("\033[K\033[?7h", stderr);
}

static void wipe_bar(const progress *p) {
    if (p->bar) (void)fputs("\r\033[K", stderr);
}

void progress_open(progress *p, bool json, size_t count) {
    *p = (progress){.json = json, .bar = !json && isatty(STDERR_FILENO), .count = count};
}

void progress_begin(progress *p, const job *j) {
    p->index++;
    p->job = j;
    p->begun = seconds_now();
    p->shown = p->begun;
    if (p->json) {
        json_head(p, "start");
        (void)fputc(',', stderr);
        json_string("output", j->output);
        (void)fputs("}\n", stderr);
    }
    if (p->bar) draw_bar(p, 0.0);
}

void progress_step(progress *p, double fraction) {
    double now = seconds_now();
    if (fraction < 1.0 && now - p->shown < 0.05) return;
    p->shown = now;
    if (p->json) {
        json_head(p, "progress");
        (void)fprintf(stderr, ",\"fraction\":%.4f}\n", fraction);
    }
    if (p->bar) draw_bar(p, fraction);
}

void progress_done(progress *p, int width, int height) {
    double seconds = seconds_now() - p->begun;
    wipe_bar(p);
    if (p->json) {
        json_head(p, "done");
        (void)fputc(',', stderr);
        json_string("output", p->job->output);
        (void)fprintf(stderr, ",\"width\":%d,\"height\":%d,\"seconds\":%.3f}\n", width, height, seconds);
    } else if (p->bar) {
        plain(shown_name(p->job->input));
        (void)fputs(" -> ", stderr);
        plain(p->job->output);
        (void)fprintf(stderr, "  %d x %d  %.2f s\n", width, height, seconds);
    }
}

/** An event with a text, or a line for a person. */
static void tell(const progress *p, const char *event, const char *before, const char *text) {
    if (p->json) {
        json_head(p, event);
        (void)fputc(',', stderr);
        json_string("message", text);
        (void)fputs("}\n", stderr);
        return;
    }
    (void)fputs("colorizer: ", stderr);
    plain(shown_name(p->job->input));
    (void)fprintf(stderr, ": %s", before);
    plain(text);
    (void)fputc('\n', stderr);
}

void progress_skipped(progress *p) {
    wipe_bar(p);
    if (p->json) tell(p, "skip", "", "done before");
}

void progress_warned(progress *p, const char *lines) {
    wipe_bar(p);
    while (*lines != '\0') {
        char line[256];
        size_t length = strcspn(lines, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)length, lines);
        tell(p, "warning", "warning: ", line);
        lines += length + (lines[length] == '\n');
    }
}

void progress_failed(progress *p, const char *message) {
    wipe_bar(p);
    tell(p, "error", "", message);
}

void progress_close(progress *p, size_t done, size_t skipped, size_t failed) {
    if (p->json)
        (void)fprintf(stderr, "{\"event\":\"end\",\"done\":%zu,\"skipped\":%zu,\"failed\":%zu}\n", done, skipped,
                      failed);
    else if (p->count > 1)
        (void)fprintf(stderr, "colorizer: %zu done, %zu skipped (done before), %zu of %zu failed\n", done, skipped,
                      failed, p->count);
}
