/// A value that holds parameters: a layer, or a model made of layers.
public protocol Module {
    /// Calls `body` once for each parameter with its name, in a fixed order.
    ///
    /// Names are those of the published PyTorch models, relative to this module: `weight`, `blocks.0.attn.qkv.weight`.
    /// A parameter that `body` writes to is changed in place if this module holds the only reference to its elements.
    ///
    /// - Throws: what `body` throws.
    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows
}

extension Module {
    /// The same with `prefix` and a point before each name; a module calls this on its parts.
    public mutating func forEachParameter(
        under prefix: String, _ body: (String, inout Tensor) throws -> Void
    ) rethrows {
        try forEachParameter { name, parameter in try body("\(prefix).\(name)", &parameter) }
    }

    /// Calls `body` for a parameter that some modules of a type lack; does nothing if it is nil.
    public static func visit(
        _ name: String, _ parameter: inout Tensor?, _ body: (String, inout Tensor) throws -> Void
    ) rethrows {
        guard var tensor = parameter else { return }
        // Leaves the elements with a single owner while `body` runs.
        parameter = nil
        defer { parameter = tensor }
        try body(name, &tensor)
    }

    /// The parameters with their names, in order; they share their elements with the module.
    ///
    /// - Complexity: O(parameters).
    public var parameters: [(name: String, tensor: Tensor)] {
        var copy = self
        var result: [(name: String, tensor: Tensor)] = []
        copy.forEachParameter { name, parameter in result.append((name, parameter)) }
        return result
    }
}
