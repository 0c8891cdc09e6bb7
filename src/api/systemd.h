/* systemd's notification protocol (sd_notify(3)), without its library. Thread rule: any thread. */
#ifndef FG_API_SYSTEMD_H
#define FG_API_SYSTEMD_H

/* Send "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." to the socket in NOTIFY_SOCKET; nothing happens without one. */
void fg_systemd_notify(const char *message);

/* Seconds within which systemd wants to hear "WATCHDOG=1"; 0: it does not. */
double fg_systemd_watchdog_seconds(void);

#endif
