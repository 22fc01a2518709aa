/// A value that holds parameters: a layer, a model made of layers.
public protocol Module {
    /// Calls `body` once for each parameter with its name and the parameter, in an order that does not
    /// change.
    ///
    /// Names are those of the published PyTorch models, relative to this module: `weight`,
    /// `blocks.0.attn.qkv.weight`. A parameter that `body` writes to is changed in place where this
    /// module holds the only reference to its elements.
    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows
}

extension Module {
    /// The same with `prefix` and a point before each name: how a module hands on to a part of it.
    public mutating func forEachParameter(
        under prefix: String, _ body: (String, inout Tensor) throws -> Void
    ) rethrows {
        try forEachParameter { name, parameter in try body("\(prefix).\(name)", &parameter) }
    }

    /// Hands on a parameter that not every module of the kind has.
    public static func visit(
        _ name: String, _ parameter: inout Tensor?, _ body: (String, inout Tensor) throws -> Void
    ) rethrows {
        guard var tensor = parameter else { return }
        // So that the elements have one owner.
        parameter = nil
        defer { parameter = tensor }
        try body(name, &tensor)
    }

    /// The names and the parameters, in order. Complexity: O(parameters); elements are shared.
    public var parameters: [(name: String, tensor: Tensor)] {
        var copy = self
        var result: [(name: String, tensor: Tensor)] = []
        copy.forEachParameter { name, parameter in result.append((name, parameter)) }
        return result
    }
}
