#include "cmd/interrupt.h"

#include "cmd/command.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int flag;
static volatile sig_atomic_t is_polled;

static void on_signal(int number)
{
    (void)number;
    if (!is_polled || atomic_load(&flag) != 0) {
        static const char text[] = "\nflexgrid: interrupted\n";
        if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
            _exit(FG_EXIT_INTERRUPTED);
        _exit(FG_EXIT_INTERRUPTED);
    }
    atomic_store(&flag, 1);
}

void fg_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

const atomic_int *fg_interrupt_begin(void)
{
    is_polled = 1;
    return &flag;
}

void fg_interrupt_end(void)
{
    is_polled = 0;
}

bool fg_interrupt_seen(void)
{
    return atomic_load(&flag) != 0;
}
