/** The part of `jstat` that the lab uses; the package ships no types of its own. */
declare module 'jstat' {
  const jStat: {
    studentt: {
      /** The quantile of Student's t distribution: the `t` with `P(T <= t) = probability`. */
      inv(probability: number, degreesOfFreedom: number): number;
    };
  };
  export default jStat;
}
