/* SPDX-License-Identifier: BSD-2-Clause
 * A before/after sheet:  sheet OUTPUT.jpg BEFORE AFTER [BEFORE AFTER ...]
 * The two of a pair touch, two pairs make a row, and a row fills the sheet's width. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stb.h"

enum { MOST_HEIGHT = 324, GAP = 12, SHEET_WIDTH = 1320, QUALITY = 88, FILE_LIMIT = 64 << 20 };

typedef struct bitmap {
    int width;
    int height;
    uint8_t *rgb;
} bitmap;

static uint8_t *read_file(const char *path, int *size) {
    FILE *from = fopen(path, "rb");
    uint8_t *bytes = from ? malloc(FILE_LIMIT) : NULL;
    if (bytes != NULL) *size = (int)fread(bytes, 1, FILE_LIMIT, from);
    if (from != NULL) (void)fclose(from);
    return bytes;
}

static bitmap load(const char *path) {
    int size = 0, channels;
    bitmap b = {0};
    uint8_t *bytes = read_file(path, &size);
    if (bytes != NULL) b.rgb = stbi_load_from_memory(bytes, size, &b.width, &b.height, &channels, 3);
    if (b.rgb == NULL) fprintf(stderr, "sheet: cannot read %s\n", path);
    if (b.rgb != NULL && (b.width > 50 * b.height || b.height > 50 * b.width)) {
        fprintf(stderr, "sheet: %s is too narrow\n", path);
        free(b.rgb);
        b.rgb = NULL;
    }
    free(bytes);
    return b;
}

static double aspect(const bitmap *b) { return (double)b->width / b->height; }

/** Height at which the two pairs from `first` on, or the last one alone, fill the sheet's width. */
static int row_height(const bitmap *pictures, int first, int pairs) {
    int last = first + 1 < pairs ? first + 1 : first;
    double aspects = 0.0;
    for (int i = 2 * first; i < 2 * last + 2; i++) aspects += aspect(&pictures[i]);
    int height = (int)((SHEET_WIDTH - GAP * (last - first + 2)) / aspects);
    return height < 1 ? 1 : height > MOST_HEIGHT ? MOST_HEIGHT : height;
}

/** The part of source pixel `s` inside [from, to). */
static double overlap(int s, double from, double to) {
    double low = from > s ? from : s, high = to < s + 1 ? to : s + 1;
    return high > low ? high - low : 0.0;
}

/** Mean of the source over one output pixel: the picture is shrunk, or its pixels are repeated. */
static void box(const bitmap *b, double x0, double x1, double y0, double y1, uint8_t out[3]) {
    double sum[3] = {0}, area = 0.0;
    for (int y = (int)y0; y < b->height && y < y1; y++)
        for (int x = (int)x0; x < b->width && x < x1; x++) {
            double weight = overlap(y, y0, y1) * overlap(x, x0, x1);
            const uint8_t *pixel = b->rgb + 3 * ((size_t)y * (size_t)b->width + (size_t)x);
            for (int k = 0; k < 3; k++) sum[k] += weight * pixel[k];
            area += weight;
        }
    for (int k = 0; k < 3; k++) out[k] = (uint8_t)(area > 0.0 ? sum[k] / area + 0.5 : 0.0);
}

/** Draws a picture at the given height; returns its width. */
static int paste(const bitmap *sheet, const bitmap *b, int left, int top, int height) {
    int width = (int)(aspect(b) * height) > 1 ? (int)(aspect(b) * height) : 1;
    double sx = (double)b->width / width, sy = (double)b->height / height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            box(b, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy,
                sheet->rgb + 3 * ((size_t)(top + y) * (size_t)sheet->width + (size_t)(left + x)));
    return width;
}

/** Places the pairs; with `sheet` NULL only measures. Returns the height. */
static int lay_out(const bitmap *pictures, int pairs, const bitmap *sheet) {
    int y = GAP;
    for (int i = 0; i < pairs; i += 2) {
        int x = GAP, height = row_height(pictures, i, pairs);
        for (int k = i; sheet != NULL && k < pairs && k < i + 2; k++) {
            x += paste(sheet, &pictures[2 * k], x, y, height);
            x += paste(sheet, &pictures[2 * k + 1], x, y, height) + GAP;
        }
        y += height + GAP;
    }
    return y;
}

static void write_bytes(void *to, void *bytes, int size) { (void)fwrite(bytes, 1, (size_t)size, (FILE *)to); }

static int write_sheet(const char *path, const bitmap *pictures, int pairs) {
    bitmap sheet = {SHEET_WIDTH, lay_out(pictures, pairs, NULL), NULL};
    sheet.rgb = malloc(3 * (size_t)sheet.width * (size_t)sheet.height);
    if (sheet.rgb == NULL) return 1;
    memset(sheet.rgb, 255, 3 * (size_t)sheet.width * (size_t)sheet.height);
    (void)lay_out(pictures, pairs, &sheet);
    FILE *to = fopen(path, "wb");
    int ok = to != NULL && stbi_write_jpg_to_func(write_bytes, to, sheet.width, sheet.height, 3, sheet.rgb, QUALITY);
    if (to != NULL && fclose(to) != 0) ok = 0;
    free(sheet.rgb);
    if (!ok) fprintf(stderr, "sheet: cannot write %s\n", path);
    return ok ? 0 : 1;
}

int main(int argc, char **argv) {
    int count = argc - 2, status = 0;
    if (count < 2 || count % 2 != 0) {
        fputs("Usage: sheet OUTPUT.jpg BEFORE AFTER [BEFORE AFTER ...]\n", stderr);
        return 2;
    }
    bitmap *pictures = calloc((size_t)count, sizeof *pictures);
    if (pictures == NULL) return 1;
    for (int i = 0; i < count; i++) {
        pictures[i] = load(argv[2 + i]);
        if (pictures[i].rgb == NULL) status = 1;
    }
    if (status == 0) status = write_sheet(argv[1], pictures, count / 2);
    for (int i = 0; i < count; i++) free(pictures[i].rgb);
    free(pictures);
    return status;
}
