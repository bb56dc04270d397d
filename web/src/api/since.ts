/** A moment, for those who ask how long ago it was. */
export class Since {
  private readonly wall = Date.now();
  private readonly steady = performance.now();

  /** Milliseconds; they go on in a sleep (which some steady clocks miss), and where clocks are set back. */
  get ago(): number {
    return Math.max(Date.now() - this.wall, performance.now() - this.steady);
  }
}
