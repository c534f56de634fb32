/* SPDX-License-Identifier: BSD-2-Clause
 * darkroom: a small window in which a photograph gets its colours.
 *
 *     darkroom [PHOTOGRAPH] [-j THREADS] [--font FILE] [--log] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

typedef struct arguments {
    const char *photo, *font;
    int threads;
    bool log;
} arguments;

static int usage(FILE *to, int code) {
    fputs("usage: darkroom [PHOTOGRAPH] [options]\n\n"
          "  -j THREADS    threads, 1 to 64; 0, the default: one for each processor\n"
          "  --font FILE   a TrueType font instead of DejaVu Sans\n"
          "  --log         places of the controls, states and times on standard output\n",
          to);
    return code;
}

static bool parse_threads(const char *text, int *out) {
    char *end;
    const long value = strtol(text, &end, 10);
    *out = (int)value;
    return end != text && *end == '\0' && value >= 0 && value <= 64;
}

static bool parse(int argc, char **argv, arguments *out) {
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (strcmp(argv[i], "--log") == 0)
            out->log = true;
        else if (strcmp(argv[i], "--font") == 0 && more)
            out->font = argv[++i];
        else if (strcmp(argv[i], "-j") == 0 && more && parse_threads(argv[i + 1], &out->threads))
            i++;
        else if (argv[i][0] != '-' && out->photo == NULL)
            out->photo = argv[i];
        else
            return false;
    }
    return true;
}

static int failed(const char *what, const char *why) {
    fprintf(stderr, "darkroom: %s: %s\n", what, why);
    return 1;
}

/** Handles on one model: for the screen, for saving and for suggestions, so that none holds up the screen. */
static int32_t start_workers(app *a, const arguments *given) {
    const colorizer_options options = {.struct_size = sizeof options, .threads = given->threads};
    worker **const workers[] = {&a->saver, &a->adviser, &a->previewer};
    colorizer *first, *c;
    double vividness;
    int32_t status = colorizer_open(&first, NULL, &options);
    if (status != COLORIZER_OK) return status;
    status = colorizer_get_f(first, COLORIZER_KEY_VIVIDNESS, &vividness);
    for (size_t i = 0; i < sizeof workers / sizeof *workers && status == COLORIZER_OK; i++) {
        status = colorizer_clone(first, &c);
        if (status == COLORIZER_OK && (*workers[i] = worker_start(c, a->answers)) == NULL) status = COLORIZER_E_MEMORY;
    }
    a->default_vividness = (float)vividness;
    colorizer_close(first);
    return status;
}

static bool open_window(app *a, const arguments *given) {
    const Uint32 flags = SDL_WINDOW_RESIZABLE;
    a->window = SDL_CreateWindow("darkroom", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, 1200, 760, flags);
    if (a->window == NULL || !draw_open(&a->draw, a->window, given->font)) return false;
    SDL_SetWindowMinimumSize(a->window, 640, 750);
    a->answers = SDL_RegisterEvents(1);
    a->history = calloc(1, sizeof *a->history);
    return a->history != NULL;
}

/** Draws once after all that has happened. The wait has an end because SDL tells of a signal only when it is asked. */
static void loop(app *a) {
    SDL_Event e;
    while (!a->quit) {
        if (!SDL_WaitEventTimeout(&e, 250)) continue;
        do app_event(a, &e);
        while (SDL_PollEvent(&e));
        app_advise(a);
        app_draw(a);
    }
}

static int run(app *a, const arguments *given) {
    if (!open_window(a, given)) return failed("no window", SDL_GetError());
    const int32_t status = start_workers(a, given);
    if (status != COLORIZER_OK) return failed("no colorizer", colorizer_strerror(status));
    app_arrange(a);
    if (given->photo != NULL) app_open(a, given->photo);
    app_title(a);
    loop(a);
    return 0;
}

int main(int argc, char **argv) {
    arguments given = {.threads = 0};
    app a = {.selected = -1, .radius = 0.03f, .state = "drop a photograph"};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout, 0);
    if (!parse(argc, argv, &given)) return usage(stderr, 2);
    a.log = given.log;
    if (a.log) (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* whoever reads along gets whole lines at once */
    a.colour = lab_of(swatch_colour[0]);
    SDL_SetMainReady();
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    int code = 1;
    if (SDL_Init(SDL_INIT_VIDEO) != 0 || TTF_Init() != 0)
        (void)failed("SDL", SDL_GetError());
    else
        code = run(&a, &given);
    if (!app_close(&a)) code = 1;
    draw_close(&a.draw);
    if (a.window != NULL) SDL_DestroyWindow(a.window);
    if (TTF_WasInit()) TTF_Quit();
    SDL_Quit();
    return code;
}
