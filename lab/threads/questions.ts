/** What nodes were asked, and have not answered yet. */
type Question<Report> = {
  readonly node: string;
  /** `null`: there will be no answer. */
  readonly settle: (report: Report | null) => void;
};

export class Questions<Report extends { readonly id: number }> {
  readonly #open = new Map<number, Question<Report>>();
  #nextId = 1;

  /** `send` gets the number that the answer must carry. */
  ask(node: string, send: (id: number) => void): Promise<Report | null> {
    const id = this.#nextId++;
    return new Promise((settle) => {
      this.#open.set(id, { node, settle });
      send(id);
    });
  }

  answered(report: Report): void {
    this.#open.get(report.id)?.settle(report);
    this.#open.delete(report.id);
  }

  /** The node stands still or is gone: nobody waits for it any longer. */
  leaveOut(node: string): void {
    for (const [id, question] of this.#open) {
      if (question.node !== node) continue;
      this.#open.delete(id);
      question.settle(null);
    }
  }
}
