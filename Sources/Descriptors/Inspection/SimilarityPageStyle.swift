extension SimilarityPage {
    /// The SHA-256 of the style sheet, in the form of a content security policy.
    static let styleHash = "sha256-Zo2PFqY7Jd1BfyoFlhWQiotoEaQGJmXsyWDjeKACiuQ="

    /// The photos are side by side, or on a narrow page one above the other, both visible at once.
    static let style = """
        :root { color-scheme: light dark; --ink: #1d2330; --dim: #667085; --ground: #f6f4ef;
          --card: #fff; --line: #e4e0d6; --focus: #2f7d5b; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e9e7e1; --dim: #a0a7b4;
          --ground: #14161b; --card: #1d2027; --line: #2e333d; --focus: #57b98b; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
        main { max-width: 1200px; margin: 0 auto; padding: 1.2rem; }
        h1 { font-size: clamp(1.4rem, 4vw, 2.1rem); line-height: 1.15; margin: .6rem 0 .3rem; }
        .lead { color: var(--dim); max-width: 52rem; margin: 0 0 1rem; }
        .lead b { color: var(--ink); font-weight: 600; }
        .lead b, figcaption b { overflow-wrap: anywhere; }
        .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start; }
        figure { margin: 0; background: var(--card); border: 1px solid var(--line);
          border-radius: 14px; padding: .7rem; display: grid; justify-items: center; }
        .stage { position: relative; border-radius: 8px; overflow: hidden; line-height: 0;
          user-select: none; -webkit-user-select: none; }
        .stage img { display: block; width: auto; height: auto; max-width: 100%; max-height: 68vh; }
        #source { cursor: crosshair; touch-action: pinch-zoom; }
        #source:focus-visible { outline: 3px solid var(--focus); outline-offset: 3px; }
        #target canvas { position: absolute; opacity: .65; }
        .mark { position: absolute; pointer-events: none; border: 2px solid #fff; border-radius: 3px;
          box-shadow: 0 0 0 1.5px #000, inset 0 0 0 1px #000; transform: translate(-50%, -50%);
          min-width: 12px; min-height: 12px; }
        figcaption { justify-self: stretch; display: flex; gap: .6rem; flex-wrap: wrap;
          justify-content: space-between; margin-top: .5rem; font-size: .88rem; line-height: 1.4; }
        figcaption span, .note { color: var(--dim); }
        .panel { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
          padding: .8rem 1rem; margin-top: 1rem; }
        .panel p { margin: 0; }
        #readout { min-height: 1.55em; font-variant-numeric: tabular-nums; }
        .controls { display: flex; flex-wrap: wrap; gap: .6rem 2rem; align-items: center;
          margin: .6rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
        .legend { display: flex; gap: .5rem; align-items: center; flex: 1 1 16rem; }
        #scale { flex: 1 1 0; width: 0; height: .7rem; border-radius: 4px; }
        label { display: flex; gap: .5rem; align-items: center; }
        input { accent-color: var(--focus); }
        .note { font-size: .88rem; }
        @media (max-width: 700px) {
          main { padding: .7rem; }
          .pair { grid-template-columns: 1fr; gap: .6rem; }
          figure { padding: .45rem; }
          h1 { margin-top: 0; font-size: 1.2rem; }
          .lead { font-size: .92rem; margin-bottom: .6rem; }
          .stage img { max-height: 29vh; }
          figcaption { margin-top: .3rem; }
          .panel { margin-top: .6rem; }
        }
        @media (hover: none) { .mouse { display: none; } }
        """
}
