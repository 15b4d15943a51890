/** How often it is looked whether the launcher is still there, ms. */
const lookMs = 500;

/**
 * Ends this process with the package manager that started it. `npx`, `npm run` and their like start a command through a
 * shell; a SIGTERM ends them and the shell, and does not reach the command, which another process then adopts. Such a
 * command is to stop as if it had been sent the signal itself.
 *
 * A command that was started by anything else may outlive its parent, as daemons do.
 */
export function stopWithLauncher(): void {
  if (process.env["npm_config_user_agent"] === undefined) return;
  const launcher = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, lookMs);
  timer.unref();
}
